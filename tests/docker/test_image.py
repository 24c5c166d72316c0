"""The image as it is: its size, what is in it and what is not, and what is said of it."""

import json
import re
import struct
from pathlib import PurePosixPath

import pytest

from tests.docker import DOCKER, ROOT
from tests.docker.images import Image
from tests.docker.test_dockerfile import PROJECT, folded, pinned

pytestmark = pytest.mark.image

LARGEST = 150_000_000  # octets, unpacked
CAPABILITY = "SCHILY.xattr.security.capability"
NET_ADMIN, NET_RAW = 1 << 12, 1 << 13
PACKAGES = "opt/pcscf/lib/python3.11/site-packages"


@pytest.fixture(scope="module")
def image() -> Image:
    return Image("pcscf")


@pytest.fixture(scope="module")
def names(image: Image) -> set[str]:
    return {one.name.removeprefix("./") for one in image.files()}


def test_it_is_small(image: Image) -> None:
    size = sum(one.size for one in image.files() if one.isfile())
    assert size < LARGEST, f"{size / 1e6:.1f} MB"


def test_one_file_has_capabilities_permitted_and_not_effective(image: Image) -> None:
    found = {one.name: one.pax_headers for one in image.files() if CAPABILITY in one.pax_headers}
    assert list(found) == ["./opt/pcscf/bin/python"]
    text = found["./opt/pcscf/bin/python"][CAPABILITY]
    magic, permitted, inheritable, *_ = struct.unpack(
        "<5I", text.encode("utf-8", "surrogateescape")
    )
    assert magic == 0x02000000  # version 2, the flag "effective" is not set
    assert (permitted, inheritable) == (NET_ADMIN | NET_RAW, 0)


def test_nobody_becomes_root_in_it(image: Image) -> None:
    assert [one.name for one in image.files() if one.isfile() and one.mode & 0o6000] == []
    assert image.config["User"] == "5060:5060"


def test_its_user_owns_the_places_of_socket_and_store_alone(image: Image) -> None:
    owned = {one.name: one.mode & 0o777 for one in image.files() if one.uid or one.gid == 5060}
    assert owned == {"./run/pcscf": 0o750, "./var/lib/pcscf": 0o700}


def test_nothing_in_it_installs_or_compiles(names: set[str]) -> None:
    programs = {
        name.rpartition("/")[2] for name in names if name.rpartition("/")[0].endswith("bin")
    }
    assert not programs & {"apt-get", "gcc", "perl", "pip", "pip3", "mypy"}
    assert f"{PACKAGES}/pip" not in names
    assert f"{PACKAGES}/setuptools" not in names
    assert [name for name in names if re.search(r"(^|/)(tests?|idlelib)/", name)] == []


def test_all_modules_are_compiled_beforehand(names: set[str]) -> None:
    """Nothing can be written at run time. Every start would else compile them anew."""
    modules = {PurePosixPath(name) for name in names if name.endswith(".py")}
    without = {
        str(one)
        for one in modules
        if one.is_relative_to("opt/pcscf/lib") or one.is_relative_to("usr/lib/python3.11")
        if str(one.parent / "__pycache__" / f"{one.stem}.cpython-311.pyc") not in names
    }
    assert without == set()


def test_the_way_of_a_message_is_machine_code(names: set[str]) -> None:
    machine_code = {re.sub(r"\.cpython.*\.so$", "", name) for name in names}
    sources = sorted((ROOT / "pcscf/core").glob("[!_]*.py"))
    wanted = {f"{PACKAGES}/{one.relative_to(ROOT).with_suffix('')}" for one in sources}
    assert wanted - machine_code == set()
    assert f"{PACKAGES}/pcscf/net/_datagrams" in machine_code


def test_it_starts_and_stops_as_it_should(image: Image) -> None:
    config = image.config
    assert config["Entrypoint"] == ["tini", "--", "pcscf-entrypoint"]
    assert config["Cmd"] == ["run", "--config", "/etc/pcscf/pcscf.toml"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "pcscf", "health"]
    assert image.environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert image.read("usr/local/bin/pcscf-entrypoint") == (DOCKER / "entrypoint").read_bytes()


def test_its_labels(image: Image) -> None:
    labels = image.config["Labels"]
    prefix = "org.opencontainers.image"
    assert labels[f"{prefix}.title"] == PROJECT["name"]
    assert labels[f"{prefix}.version"] == PROJECT["version"]
    assert labels[f"{prefix}.licenses"] == PROJECT["license"]


def test_its_list_of_parts_is_that_of_the_lock(image: Image) -> None:
    """The label says where the list is; CycloneDX, with what is locked and ourselves."""
    path = image.config["Labels"]["org.cyclonedx.sbom"]
    listed = json.loads(image.read(path.lstrip("/")))
    assert listed["bomFormat"] == "CycloneDX"
    assert listed["metadata"]["component"]["name"] == "pcscf"
    found = {folded(one["name"]): one["version"] for one in listed["components"]}
    found.pop("pcscf", None)
    assert found == pinned(DOCKER / "locks/run.txt")


def test_scanners_find_what_is_of_debian(image: Image, names: set[str]) -> None:
    entry = image.read("var/lib/dpkg/status.d/libssl3").decode()
    assert re.search(r"(?m)^Version: 3\.", entry)
    assert "usr/share/doc/libssl3/copyright" in names


def test_the_builders_configuration_stays_outside(names: set[str]) -> None:
    kept = {"etc/pip.conf", "root/.config/pip", "etc/apt/sources.list", "run/secrets"}
    assert not kept & names
    assert [
        one for one in names if one.startswith(("etc/apt", "build", "tmp/", "var/cache/"))
    ] == []
