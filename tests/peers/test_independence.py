"""The peers are worth having only while they share no code with what they test."""

import ast
from pathlib import Path

import pytest

PEERS = sorted(Path(__file__).parent.glob("*.py"))


def imported(source: str) -> set[str]:
    """The top packages that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", PEERS, ids=lambda path: path.name)
def test_imports_nothing_of_the_product(path):
    assert not {"pcscf", "xfrm"} & imported(path.read_text("utf-8"))


def test_the_check_sees_both_forms():
    assert imported("import pcscf.sip\nfrom xfrm.model import SaSet") == {"pcscf", "xfrm"}
