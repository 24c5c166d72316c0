"""The image as an operator runs it: no root, no file written, and phones register over real ESP."""

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.docker.files import services
from tests.docker.images import Image
from tests.netns.container import Container
from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import Namespace
from tests.netns.site import Site, every_way, open_site

pytestmark = [pytest.mark.esp, pytest.mark.image]

READY = '"event": "admin_ready"'  # which is behind "ready"
PHONES = 20
NET_ADMIN = 1 << 12
NOT_DUMPABLE = "import ctypes, sys; sys.exit(ctypes.CDLL(None).prctl(3))"  # PR_GET_DUMPABLE

Start = Callable[..., Container]


class Roots:
    """Images unpacked, with the capabilities of their files: a tmpfs has room for those."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def root(self, image: Image) -> Path:
        root = self._directory / image.archive.stem
        if not root.exists():
            root.mkdir()
            subprocess.run(
                ("tar", "--extract", "--file", str(image.archive), "--directory", str(root),
                 "--numeric-owner", "--xattrs", "--xattrs-include=security.capability"),
                check=True,
            )  # fmt: skip
        return root


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roots]:
    directory = tmp_path_factory.mktemp("roots")
    subprocess.run(("mount", "-t", "tmpfs", "-o", "mode=755", "roots", str(directory)), check=True)
    yield Roots(directory)
    subprocess.run(("umount", "--lazy", str(directory)), check=True)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab(PHONES) as made:
        yield made


@pytest.fixture(scope="module")
def start(roots: Roots, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a container of an image, as a service of a compose file says."""
    started: list[Container] = []

    def start(image: str, service: dict[str, Any], where: Namespace, **secrets: Path) -> Container:
        directory = tmp_path_factory.mktemp("container")
        made = Image(image)
        started.append(
            Container(
                image=made,
                root=roots.root(made),
                service=service,
                namespace=where,
                directory=directory,
                secrets={name.replace("_", "-"): file for name, file in secrets.items()},
            )
        )
        return started[-1]

    yield start
    for container in started:
        container.close()


def service(lab: Lab, **others: Any) -> dict[str, Any]:
    """The service of the compose file, with the addresses of the lab."""
    environment = {
        "PCSCF_GM__ADDRESSES": f'["{lab.v4.pcscf_gm}", "{lab.v6.pcscf_gm}"]',
        "PCSCF_CORE__ADDRESSES": f'["{lab.v4.pcscf_core}"]',
        "PCSCF_CORE__NEXT_HOPS": f'["udp:{lab.v4.core}:5060"]',
        "PCSCF_CORE__HEALTH__INTERVAL": "0",
        "PCSCF_NETWORK__VISITED_NETWORK": "visited.example",
        "PCSCF_REG_EVENT__ENABLED": "false",
    }
    return {**services("compose.yaml")["pcscf"], "environment": environment, **others}


@pytest.fixture(scope="module")
def pcscf(lab: Lab, start: Start) -> Container:
    container = start("pcscf", service(lab), lab.pcscf)
    container.wait_for(READY)
    return container


@pytest.fixture(scope="module")
def site(lab: Lab, pcscf: Container) -> Iterator[Site]:
    with open_site(lab) as made:
        yield made


@every_way
def test_a_phone_registers_and_talks_under_esp(site: Site, version: int, transport: str) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    assert len(site.states(phone)) == 4
    site.talks(phone)
    phone.assert_clean()


def test_it_has_no_more_rights_than_it_needs(pcscf: Container) -> None:
    text = pcscf.run("sh", "-c", "cat /proc/$(pidof pcscf)/status").stdout
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["5060"] * 4
    assert pcscf.run("python", "-c", NOT_DUMPABLE).returncode == 0
    sets = {name: int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")}
    assert sets == {"CapEff": NET_ADMIN, "CapPrm": NET_ADMIN, "CapBnd": NET_ADMIN, "CapInh": 0}


def test_nothing_but_the_place_of_its_socket_can_be_written(pcscf: Container) -> None:
    for place in ("/", "/opt/pcscf", "/etc/pcscf", "/tmp"):
        assert pcscf.run("touch", f"{place}/written").returncode != 0
    assert pcscf.run("touch", "/run/pcscf/written").returncode == 0


def test_the_machine_code_is_what_runs(pcscf: Container) -> None:
    code = "import pcscf.core.edge as e, pcscf.net._datagrams as d; print(e.__file__, d.__file__)"
    paths = pcscf.run("python", "-c", code).stdout.split()
    assert [path.endswith(".so") for path in paths] == [True, True]


def test_its_commands_show_the_phone(pcscf: Container, site: Site) -> None:
    phone = site.phone()
    phone.register()
    shown = pcscf.run("pcscf", "ues", "--json")
    assert shown.stderr == ""
    assert phone.identity in shown.stdout


def test_check_config_may_look_at_the_kernel(pcscf: Container) -> None:
    checked = pcscf.run("pcscf", "check-config", "/etc/pcscf/pcscf.toml", "--json")
    found = {one["about"]: one["level"] for one in json.loads(checked.stdout)["machine"]}
    assert found["capabilities"] == "ok"
    assert found["ESP"] == "ok"


def test_it_says_that_it_is_well(pcscf: Container) -> None:
    done = pcscf.run(*Image("pcscf").config["Healthcheck"]["Test"][1:])
    assert (done.returncode, done.stderr) == (0, "")


REFUSALS = [
    ({"cap_add": []}, "--cap-add NET_ADMIN"),
    ({"security_opt": ["no-new-privileges:true"]}, "no_new_privs voids the capability"),
    ({"environment": {}}, "gm: is required"),
]


@pytest.mark.parametrize(("others", "said"), REFUSALS)
def test_what_is_missing_is_said(lab: Lab, start: Start, others: dict[str, Any], said: str) -> None:
    container = start("pcscf", service(lab, **others), lab.ue)
    assert container.wait() in (1, 2)
    assert said in container.said
    assert "Traceback" not in container.said


# The last test of the module's P-CSCF.
def test_it_ends_when_told_and_leaves_no_sa(pcscf: Container, lab: Lab) -> None:
    assert pcscf.stop() == 0
    assert lab.pcscf.xfrm_states() == []
    assert lab.pcscf.xfrm_policies() == []


def test_the_variables_of_docker_open5gs_are_enough(lab: Lab, start: Start) -> None:
    variables = {
        "MCC": "001", "MNC": "01", "PCSCF_IP": lab.v4.pcscf_gm, "ICSCF_IP": lab.v4.ue,
        "ICSCF_BIND_PORT": "4060", "DNS_IP": lab.v4.ue, "UPF_IP": lab.v4.ue,
        "UE_IPV4_IMS": "192.168.101.0/24", "UE_IPV4_INTERNET": "192.168.100.0/24",
    }  # fmt: skip
    own = services("open5gs.yaml")["pcscf"]
    with lab.ue.socket((lab.v4.ue, 4060)) as asked:
        given = {**own, "environment": {**own["environment"], **variables}}
        container = start("pcscf", given, lab.pcscf)
        container.wait_for("admin_ready")
        data, origin = asked.recvfrom(65535)
    routes = lab.pcscf.run("ip", "route")
    for pool in ("192.168.100.0/24", "192.168.101.0/24"):
        assert f"{pool} via {lab.v4.ue}" in routes
    assert data.startswith(b"OPTIONS sip:")
    assert origin[0] == lab.v4.pcscf_gm
    assert container.stop() == 0


def test_the_compose_files_register_their_phone(start: Start, tmp_path: Path) -> None:
    made, more = services("compose.yaml"), services("console.yaml")["pcscf"]
    both = {**made["pcscf"], **more}
    both["environment"] = {**made["pcscf"]["environment"], **more["environment"]}
    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    with open_lab() as lab:
        lab.pcscf.ip("addr add 192.0.2.10/24 dev gm", "addr add 198.51.100.10/24 dev core")
        lab.ue.ip(f"addr del {lab.v4.ue}/24 dev gm", "addr add 192.0.2.20/24 dev gm")
        lab.core.ip("addr add 198.51.100.20/24 dev core")
        start("pcscf-lab", made["core"], lab.core).wait_for("core on")
        start("pcscf", both, lab.pcscf, admin_token=token).wait_for(READY)
        phone = start("pcscf-lab", made["phone"], lab.ue)
        phone.wait_for("registered sip:001010000000001@home.example")
        phone.wait_for("MESSAGE sip:001010000000002@home.example: SIP/2.0 200")
        assert {one.src for one in lab.pcscf.xfrm_states()} == {"192.0.2.10", "192.0.2.20"}
        with lab.core.entered():
            assert asked("/api/ues")[0] == 401
            status, answer = asked("/api/ues", "0123456789abcdef")
    assert status == 200
    assert "sip:001010000000001@home.example" in answer


def asked(path: str, token: str = "") -> tuple[int, str]:
    """Ask as a browser on the host does."""
    connection = HTTPConnection("198.51.100.10", 8060, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
