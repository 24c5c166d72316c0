"""The shape of the code base, checked: test files, layers, no trace of a machine.

Each check is a function over a tree of files, so that it is itself tested on small trees
that break the rule.
"""

import ast
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("pcscf", "xfrm")
WITHOUT_TEST_FILE = {"__init__.py", "__main__.py"}

# What a part of the program may import of the two packages. The parts of `pcscf` are its
# packages and its modules; imports point downwards only. `errors` and `xfrm.model` are at
# the bottom; config, log, admin, commands and decode stand beside the layers.
LAYERS: Mapping[str, set[str]] = {
    "pcscf.errors": set(),
    "pcscf.sip": {"pcscf.errors"},
    "pcscf.core": {"pcscf.sip", "pcscf.errors", "xfrm.model", "xfrm.algorithms"},
    "pcscf.log": {"pcscf.errors"},
    "pcscf.private_file": set(),
    "pcscf.store": {
        "pcscf.errors", "pcscf.log", "pcscf.private_file", "pcscf.config_sections",
    },
    "pcscf.config": {
        "pcscf.config_sections", "pcscf.config_values",
        "pcscf.core", "pcscf.sip", "pcscf.errors", "xfrm",
    },
    "pcscf.check_config": {
        "pcscf.config", "pcscf.net", "pcscf.core", "pcscf.hooks", "pcscf.log", "pcscf.errors",
    },
    "pcscf.config_changes": {"pcscf.config", "pcscf.config_sections"},
    "pcscf.config_sections": {
        "pcscf.config_values", "pcscf.core", "pcscf.hooks.policy", "pcscf.sip", "xfrm",
    },
    "pcscf.config_values": {"pcscf.core", "pcscf.sip", "pcscf.errors", "xfrm"},
    "pcscf.mirror": {"pcscf.core", "pcscf.decode", "pcscf.sip", "pcscf.errors"},
    "pcscf.admin": {
        "pcscf.core", "pcscf.sip", "pcscf.errors", "pcscf.config_sections", "pcscf.log",
        "pcscf.mirror", "pcscf.hooks.measures", "pcscf.pace", "pcscf.store.writer",
        "pcscf.store.keeper", "xfrm",
    },
    "pcscf.pace": {"pcscf.core"},
    "pcscf.commands": {"pcscf.errors", "pcscf.mirror"},
    "pcscf.decode": {"pcscf.sip", "pcscf.errors", "xfrm"},
    "pcscf.hooks": {"pcscf.core", "pcscf.sip", "pcscf.errors"},
    "pcscf.net": {
        "pcscf.core", "pcscf.sip", "pcscf.errors",
        "pcscf.config", "pcscf.config_changes", "pcscf.log", "pcscf.mirror", "pcscf.admin",
        "pcscf.diagnosis", "pcscf.hooks", "xfrm",
        "pcscf.config_sections", "pcscf.pace", "pcscf.private_file", "pcscf.store",
    },
    "pcscf.diagnosis": {"pcscf.core", "xfrm"},
    "pcscf.cli": {"pcscf", "xfrm"},
    "pcscf.__main__": {"pcscf.cli"},
    "pcscf.__init__": set(),
    "xfrm": {"xfrm"},
}  # fmt: skip

# The decisions and the grammar have no clock, no randomness, no I/O, and nothing to log.
PURE = ("pcscf.core", "pcscf.sip")
IMPURE_MODULES = {
    "asyncio", "logging", "os", "random", "secrets", "socket", "ssl", "structlog", "time",
}  # fmt: skip

# Heavy or special packages, and the only places for them.
CONFINED: Mapping[str, tuple[str, ...]] = {
    "aiohttp": ("pcscf.admin",),
    "dns": ("pcscf.net.resolver",),
    "prometheus_client": ("pcscf.admin",),
    "scapy": ("xfrm.scapy_esp", "pcscf.decode"),
    "sqlite3": ("pcscf.store",),
    "valkey": ("pcscf.store",),
    "pydantic": ("pcscf.config", "pcscf.config_sections", "pcscf.config_values"),
    "pydantic_settings": ("pcscf.config",),
}

# Places of a machine that built or ran the project; none belongs into it.
MACHINE_PATHS = ("/" + "work/", "/" + "root/", "/" + "home/")


# (a) test files


def expected_test_file(source: Path) -> Path:
    """``pcscf/a/b.py`` has ``tests/a/test_b.py``; ``xfrm/x.py`` has ``tests/xfrm/test_x.py``."""
    package = source.parts[0]
    inner = source.parent.relative_to(package) if package == "pcscf" else source.parent
    return "tests" / inner / f"test_{source.name}"


def sources_without_test(root: Path) -> list[str]:
    return [
        f"{source}: no {expected_test_file(source)}"
        for source in sources(root)
        if source.name not in WITHOUT_TEST_FILE and not (root / expected_test_file(source)).exists()
    ]


def sources(root: Path) -> list[Path]:
    """Return the source files of both packages, relative to the root."""
    return sorted(
        path.relative_to(root) for package in PACKAGES for path in (root / package).rglob("*.py")
    )


# (b) layers


def module_of(source: Path) -> str:
    name = ".".join(source.with_suffix("").parts)
    return name if source.parent == Path("pcscf") else name.removesuffix(".__init__")


def within(module: str, part: str) -> bool:
    return module == part or module.startswith(part + ".")


def part_of(module: str) -> str | None:
    """Return the part of LAYERS a module belongs to."""
    return next((part for part in LAYERS if within(module, part)), None)


def imports(root: Path, source: Path) -> Iterator[str]:
    """Yield the full names of what a file imports, wherever the import stands.

    ``from pcscf import core`` gives ``pcscf.core``; a name that is not a module comes out as
    ``module.name``, which is within the module all the same.
    """
    for node in ast.walk(ast.parse((root / source).read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(source, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def absolute(source: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = source.parts[: len(source.parts) - node.level]
    return ".".join((*package, node.module) if node.module else package)


def layer_violations(root: Path) -> list[str]:
    return [
        f"{source}: may not import {imported}"
        for source in sources(root)
        for imported in imports(root, source)
        if not is_allowed(module_of(source), imported)
    ] + [f"{source}: not in LAYERS" for source in sources(root) if not part_of(module_of(source))]


def is_allowed(module: str, imported: str) -> bool:
    part = part_of(module)
    if part is None:
        return True  # reported by itself
    if any(within(imported, package) for package in PACKAGES):
        return any(within(imported, allowed) for allowed in {part, *LAYERS[part]})
    top = imported.partition(".")[0]
    if any(within(module, pure) for pure in PURE) and top in IMPURE_MODULES:
        return False
    return top not in CONFINED or any(within(module, place) for place in CONFINED[top])


# (c) machine paths


def machine_paths(root: Path, files: Iterable[Path]) -> list[str]:
    return [
        f"{file}:{number}: {path}"
        for file in files
        if (root / file).is_file()
        for number, line in enumerate((root / file).read_bytes().splitlines(), 1)
        for path in MACHINE_PATHS
        if path.encode() in line
    ]


def tracked_files(root: Path) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    )
    return [Path(name) for name in listed.stdout.split("\0") if name]


# The code base keeps the rules.


def test_every_source_file_has_its_test_file() -> None:
    assert sources_without_test(ROOT) == []


def test_imports_point_downwards() -> None:
    assert layer_violations(ROOT) == []


def test_no_tracked_file_names_a_place_of_a_machine() -> None:
    files = tracked_files(ROOT)
    assert Path("pyproject.toml") in files
    assert machine_paths(ROOT, files) == []


# The checks see a broken rule.


def put(root: Path, name: str, text: str = "") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("source", "test"),
    [
        ("pcscf/config.py", "tests/test_config.py"),
        ("pcscf/sip/uri.py", "tests/sip/test_uri.py"),
        ("xfrm/model.py", "tests/xfrm/test_model.py"),
    ],
)
def test_a_missing_test_file_is_seen(tmp_path: Path, source: str, test: str) -> None:
    put(tmp_path, source)
    put(tmp_path, "pcscf/__init__.py")
    assert sources_without_test(tmp_path) == [f"{source}: no {test}"]
    put(tmp_path, test)
    assert sources_without_test(tmp_path) == []


@pytest.mark.parametrize(
    ("source", "text", "imported"),
    [
        ("pcscf/sip/uri.py", "from pcscf.core.edge import Edge", "pcscf.core.edge.Edge"),
        ("pcscf/sip/uri.py", "from pcscf import core", "pcscf.core"),
        ("pcscf/sip/uri.py", "from ..core import edge", "pcscf.core.edge"),
        ("pcscf/sip/uri.py", "from .. import net", "pcscf.net"),
        ("pcscf/sip/__init__.py", "from ..core import edge", "pcscf.core.edge"),
        ("pcscf/sip/uri.py", "def f():\n    import xfrm.model", "xfrm.model"),
        ("pcscf/errors.py", "import pcscf.sip", "pcscf.sip"),
        ("pcscf/core/edge.py", "from xfrm.kernel import SaKernel", "xfrm.kernel.SaKernel"),
        ("pcscf/core/edge.py", "from xfrm import kernel", "xfrm.kernel"),
        ("pcscf/core/edge.py", "import pcscf.net.udp", "pcscf.net.udp"),
        ("pcscf/core/edge.py", "import asyncio.events", "asyncio.events"),
        ("pcscf/core/edge.py", "from time import monotonic", "time.monotonic"),
        ("pcscf/sip/uri.py", "import os", "os"),
        ("pcscf/sip/uri.py", "import structlog", "structlog"),
        ("pcscf/net/udp.py", "from pcscf.cli import main", "pcscf.cli.main"),
        ("pcscf/net/udp.py", "from pcscf.decode import ladder", "pcscf.decode.ladder"),
        ("pcscf/net/udp.py", "from scapy.all import IP", "scapy.all.IP"),
        ("pcscf/core/edge.py", "import pydantic", "pydantic"),
        ("xfrm/esp.py", "from pcscf.errors import PcscfError", "pcscf.errors.PcscfError"),
        ("xfrm/esp.py", "import scapy", "scapy"),
    ],
)
def test_a_wrong_import_is_seen(tmp_path: Path, source: str, text: str, imported: str) -> None:
    put(tmp_path, source, text)
    assert layer_violations(tmp_path) == [f"{source}: may not import {imported}"]


def test_right_imports_pass(tmp_path: Path) -> None:
    put(tmp_path, "pcscf/core/edge.py", "from xfrm.model import SaSet\nfrom pcscf.sip import uri")
    put(tmp_path, "pcscf/core/ids.py", "from . import edge\nfrom .edge import Edge\nimport re")
    put(tmp_path, "pcscf/net/udp.py", "import asyncio\nfrom xfrm import kernel\nimport pcscf.core")
    put(tmp_path, "pcscf/decode/esp.py", "import scapy.all\nfrom xfrm.esp import open_esp")
    put(tmp_path, "pcscf/config.py", "import pydantic_settings")
    assert layer_violations(tmp_path) == []


def test_a_module_outside_the_layers_is_seen(tmp_path: Path) -> None:
    put(tmp_path, "pcscf/helpers.py")
    assert layer_violations(tmp_path) == ["pcscf/helpers.py: not in LAYERS"]


@pytest.mark.parametrize("path", MACHINE_PATHS)
def test_a_machine_path_is_seen(tmp_path: Path, path: str) -> None:
    put(tmp_path, "docs/run.md", f"first\nsee {path}main/x\n")
    assert machine_paths(tmp_path, [Path("docs/run.md")]) == [f"docs/run.md:2: {path}"]
