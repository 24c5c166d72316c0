"""The reference page of the settings: it is what its script makes, and has every key."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, PositiveInt

from pcscf.config import Settings
from pcscf.config_sections import Section
from pcscf.core.policy import SecAgree

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "configuration.md").read_text("utf-8")


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from keys(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def entry(key: str) -> str:
    """What the page says below a key's heading."""
    return PAGE.partition(f"\n### {key}\n\n")[2].partition("\n#")[0]


def test_the_page_is_what_the_script_makes_of_the_tree(script: Any) -> None:
    assert script.page() == PAGE, "run scripts/reference.py"


def test_every_key_is_in_it_once_with_its_variable() -> None:
    headings = re.findall(r"^### (\S+)$", PAGE, re.MULTILINE)
    assert headings == list(keys(Settings))
    for key in headings:
        assert f" · `PCSCF_{key.replace('.', '__').upper()}` · " in entry(key)


def test_an_entry_has_text_type_default_and_whether_it_changes() -> None:
    assert entry("limits.max_message").strip().splitlines()[-1] == (
        "whole number, 1300 to 65535 · default `65535` · `PCSCF_LIMITS__MAX_MESSAGE` · "
        "changes while running"
    )
    assert entry("security.reqid").rstrip().endswith("needs a restart")
    assert '· default `["hmac-sha-1-96/aes-cbc", "null/aes-gcm", ' in entry("security.algorithms")
    assert 'no default, as in `["192.0.2.1", ' in entry("gm.addresses")
    assert '\n    by_network = [{ network = "203.0.113.0/24"' in entry("security.by_network")


def test_links_lead_to_sections() -> None:
    anchors = {name.replace(".", "") for name in re.findall(r"^## \[(.+)\]$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", PAGE)) == anchors


class Kinds(BaseModel):
    whole: Annotated[int, Field(ge=1, le=9)]
    some: tuple[PositiveInt, ...]
    switch: bool
    word: SecAgree
    either: Literal["a", "b"] | float
    open: str


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("whole", "whole number, 1 to 9"),
        ("some", "list of: whole number above 0"),
        ("switch", "`true` or `false`"),
        ("word", '`"require"` or `"prefer"` or `"off"`'),
        ("either", '`"a"` or `"b"` or number'),
        ("open", "text"),
    ],
)
def test_types_in_words(script: Any, key: str, words: str) -> None:
    assert script.words(Kinds.model_fields[key]) == words


def test_a_file_is_read_as_people_do(script: Any) -> None:
    text = '# Of a.\n[a]\n\n# First.\n# k = 1\nk = 2\n\n[a.b]\n# Second.\nlist = [\n    "x",\n]\n'
    assert script.written(text) == {
        "a": (["Of a."], ""),
        "a.k": (["First.", "k = 1"], "2"),
        "a.b": ([], ""),
        "a.b.list": (["Second."], '["x"]'),
    }
