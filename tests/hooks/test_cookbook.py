"""What docs/hooks.md shows is what there is."""

import re
from pathlib import Path

import pytest

from pcscf.core.hooks import Point
from pcscf.hooks import RequestView, ResponseView, rules
from pcscf.hooks.loading import check
from pcscf.sip.names import printed

COOKBOOK = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text("utf-8")
FILES = re.findall(r"^```python\n(.+?)^```$", COOKBOOK, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(FILES)))
def test_each_recipe_is_a_hook_file(tmp_path: Path, number: int) -> None:
    path = tmp_path / "rules.py"
    path.write_text(FILES[number])
    assert check(path) == []


def test_there_are_recipes_for_each_point() -> None:
    assert {point for point in Point if any(f"def {point}(" in file for file in FILES)} == set(
        Point
    )


def test_each_point_and_each_name_of_a_view_is_told() -> None:
    for point in Point:
        assert f"`{point}(" in COOKBOOK
    for view in (RequestView, ResponseView):
        for name in [name for name in dir(view) if not name.startswith("_")]:
            assert re.search(rf"[`.]{name}\b|`{name}\(", COOKBOOK), name


def test_each_protected_header_is_told() -> None:
    for name in (
        *rules._OF_WAY,
        *rules._OF_TRANSACTION,
        "from",
        "to",
        "contact",
        *rules._IN_REGISTER,
    ):
        assert printed(name) in COOKBOOK
