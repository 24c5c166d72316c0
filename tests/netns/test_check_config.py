"""``pcscf check-config`` where ESP, addresses and a core are really there; a start where not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.pcscf_process import config, running
from tests.netns.site import PORT, Site, open_site

pytestmark = pytest.mark.esp


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    with open_lab() as made:
        yield made


@pytest.fixture
def site(shared_lab: Lab) -> Iterator[Site]:
    with open_site(shared_lab) as made:
        yield made


def pcscf(lab: Lab, *words: str) -> tuple[int, str, str]:
    process = lab.pcscf.popen(
        *(sys.executable, "-m", "pcscf", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said, complained = process.communicate(timeout=60)
    return process.returncode, said, complained


def checked(lab: Lab, directory: Path, text: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit status, and the findings by aspect."""
    file = directory / "checked.toml"
    file.write_text(text)
    status, said, complained = pcscf(lab, "check-config", "--json", str(file))
    assert complained == ""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(said)["machine"]:
        found.setdefault(one["about"], []).append(one)
    return status, found


def test_a_machine_that_has_all(site: Site, tmp_path: Path) -> None:
    status, found = checked(site.lab, tmp_path, config(site.lab))
    assert status == 0
    levels = {about: {one["level"] for one in some} for about, some in found.items()}
    for about in ("capabilities", "ESP", "IPv6", "addresses", "ports", "clock", "next hops"):
        assert levels[about] == {"ok"}, found[about]
    assert " answers " in found["next hops"][0]["text"]
    assert len(site.core.received) == len(site.core.requests("OPTIONS")) == 1


def test_beside_one_that_runs_it_disturbs_nobody(site: Site, tmp_path: Path) -> None:
    with running(site.lab, tmp_path, config(site.lab)) as process:
        phone = site.phone()
        phone.register()
        before = site.spis(phone)
        status, found = checked(site.lab, tmp_path, config(site.lab))
        assert status == 0
        assert f"pcscf (pid {process.process.pid}), which runs here" in found["ports"][0]["text"]
        assert site.spis(phone) == before
        site.talks(phone)


def test_what_is_missing_is_named_with_the_command(site: Site, tmp_path: Path) -> None:
    text = config(site.lab, next_hops=(f"tcp:{site.lab.v4.core}:{PORT + 9}",))
    absent = text.replace(f'"{site.lab.v4.pcscf_gm}"', '"192.0.2.213"')
    status, found = checked(site.lab, tmp_path, absent)
    assert status == 1
    (address,) = [one for one in found["addresses"] if one["level"] == "error"]
    assert address["mends"].startswith("ip address add 192.0.2.213/")
    assert "connection refused" in found["next hops"][0]["text"]
    status, _, complained = pcscf(site.lab, "run", "--config", str(tmp_path / "checked.toml"))
    assert status == 1
    assert f"(mended by: {address['mends']})" in complained.splitlines()[-1]
    assert site.lab.pcscf.xfrm_policies() == []


def test_without_the_right_it_says_so(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "checked.toml"
    file.write_text(config(site.lab))
    program = (sys.executable, "-m", "pcscf", "check-config", str(file))
    process = site.lab.pcscf.popen(
        *("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", *program),
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error   capabilities: CAP_NET_ADMIN is missing" in said
    assert "--cap-add NET_ADMIN" in said
