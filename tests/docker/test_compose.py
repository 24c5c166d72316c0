"""The compose files: of the right form, no more rights than needed, settings that are right."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pcscf.config import load
from pcscf.core.flow import Endpoint
from tests.docker import DOCKER
from tests.docker.files import services, write_settings

WHOLE = ("compose.yaml", "open5gs.yaml")
each_file = pytest.mark.parametrize("name", [*WHOLE, "console.yaml", "store.yaml"])
ALL = [(name, one) for name in WHOLE for one in services(name)]


@each_file
def test_it_is_of_the_form_of_compose_files(name: str) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
         str(DOCKER / name)),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("name", "service"), ALL)
def test_a_container_has_no_more_rights_than_it_needs(name: str, service: str) -> None:
    given = services(name)[service]
    assert given["cap_drop"] == ["ALL"]
    assert given.get("cap_add", []) == ([] if service == "core" else ["NET_ADMIN"])
    assert given["read_only"] is True
    assert not given.get("privileged")
    assert "security_opt" not in given  # no-new-privileges would void the file's capability
    assert "ports" not in given  # SAs do not survive NAT


def test_the_settings_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in services("compose.yaml")["pcscf"]["environment"].items():
        monkeypatch.setenv(name, str(value))
    settings = load(DOCKER / "pcscf.toml")
    assert settings.gm.addresses == (address("pcscf", "gm"),)
    assert settings.core.addresses == (address("pcscf", "core"),)
    (hop,) = settings.core.next_hops
    assert address("core", "core") in str(hop)


def test_the_phone_and_the_core_are_where_the_others_look_for_them() -> None:
    made = services("compose.yaml")
    assert f"--address={address('phone', 'gm')}" in made["phone"]["command"]
    assert f"--pcscf={address('pcscf', 'gm')}:5060" in made["phone"]["command"]
    assert f"{address('core', 'core')}:5060" in made["core"]["command"]


def address(service: str, network: str) -> str:
    given: dict[str, Any] = services("compose.yaml")[service]["networks"]
    return str(given[network]["ipv4_address"])


def test_the_console_is_where_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    own, more = (services(name)["pcscf"] for name in ("compose.yaml", "console.yaml"))
    for name, value in {**own["environment"], **more["environment"]}.items():
        monkeypatch.setenv(name, str(value))
    admin = load(DOCKER / "pcscf.toml").admin
    assert admin.http == Endpoint(address("pcscf", "core"), 8060)
    assert [admin.token_file] == [f"/run/secrets/{name}" for name in more["secrets"]]
    assert f"http://{address('pcscf', 'core')}:8060/" in (DOCKER / "console.yaml").read_text()


def test_the_store_is_on_the_volume_and_its_key_is_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, more = (services(name)["pcscf"] for name in ("compose.yaml", "store.yaml"))
    for name, value in {**own["environment"], **more["environment"]}.items():
        monkeypatch.setenv(name, str(value))
    settings = load(DOCKER / "pcscf.toml")
    assert settings.store.kind == "sqlite"
    assert [f"store:{Path(settings.store.path).parent}"] == more["volumes"]
    assert [settings.store.key_file] == [f"/run/secrets/{name}" for name in more["secrets"]]
    assert settings.stop.timeout + 2 < float(more["stop_grace_period"].removesuffix("s"))


def test_the_image_alone_says_what_it_has_to_be_told(tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "pcscf", "check-config", str(DOCKER / "pcscf.toml")),
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    missing = {line.split(": ")[1] for line in done.stderr.splitlines()}
    assert missing == {"gm", "core", "network"}


def test_a_file_of_ones_own_takes_the_place_of_the_images(tmp_path: Path) -> None:
    text = (DOCKER.parent / "config" / "pcscf.toml").read_text()
    assert load(write_settings(tmp_path, text)).gm.port == 5060
