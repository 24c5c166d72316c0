"""Hooks at a P-CSCF whose phones have real SAs: what they change arrives under them.

What they see, the hook file itself writes down.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import PEER, Site, came_under, every_way
from xfrm.keylog import read_line

pytestmark = pytest.mark.esp

RULES = """
import asyncio
from pcscf.hooks import Reject, RequestView, ResponseView, number_of

def see(view):
    with open({seen!r}, "a") as file:
        for name in view.names():
            print(name, view.get_all(name), file=file)

def on_registration(request: RequestView) -> None:
    see(request)
    request.set("User-Agent", "UE")

async def before_core(request: RequestView) -> Reject | None:
    see(request)
    await asyncio.sleep(0.02)
    request.set("Subject", {name!r})
    if number_of(request.uri) == "0900":
        return Reject(603, "Not from here")
    if request.uri.startswith("sip:past-esp@"):
        request.route_to("sip:{past}")
    return None

async def before_phone(request: RequestView) -> None:
    see(request)
    await asyncio.sleep(0.02)
    request.set("Subject", {name!r})

def on_response(response: ResponseView) -> None:
    see(response)
    response.set("Server", {name!r})
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hooks")


@pytest.fixture(scope="module")
def sections(directory: Path) -> dict[str, str]:
    return {
        "hooks": f'file = "{rules(directory, "one")}"\ntime_limit = 1.0',  # the machine may be busy
        "log": f'key_file = "{directory}/keys"',
    }


@pytest.fixture(autouse=True)
def no_failures(site: Site, pcscf: PcscfProcess) -> Iterator[None]:
    yield
    assert "hook_failed" not in pcscf.log
    assert "Traceback" not in pcscf.log


def rules(directory: Path, name: str, past: str = "203.0.113.77") -> Path:
    path = directory / "rules.py"
    path.write_text(RULES.format(seen=str(directory / "seen"), name=name, past=past))
    return path


def reload(pcscf: PcscfProcess) -> None:
    before = pcscf.log.count("hooks_in_service")
    pcscf.process.send_signal(signal.SIGHUP)
    wait_until(lambda: pcscf.log.count("hooks_in_service") > before, "the file is read again")


@every_way
def test_requests_and_answers_are_changed_under_esp(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    first, second = site.core.requests("REGISTER")[-2:]
    assert first.message.header("user-agent") == second.message.header("user-agent") == "UE"
    answer = phone.message(PEER)
    assert (answer.status, answer.message.header("server")) == (200, "one")
    assert came_under(phone, answer) is phone.current
    assert site.core.requests("MESSAGE")[-1].message.header("subject") == "one"
    asked = site.request_to(phone)
    assert asked.message.header("subject") == "one"
    assert came_under(phone, asked) is phone.current


def test_a_rejection_reaches_the_phone_under_its_sas(site: Site) -> None:
    phone = site.phone()
    phone.register()
    before = len(site.core.requests("MESSAGE"))
    answer = phone.message("tel:0900;phone-context=example.com")
    assert answer.status == 603
    assert came_under(phone, answer) is phone.current
    assert len(site.core.requests("MESSAGE")) == before


def test_nothing_that_functions_see_has_a_key(site: Site, directory: Path) -> None:
    phone = site.phone()
    phone.register()
    phone.register()
    seen = (directory / "seen").read_text()
    assert "www-authenticate" in seen
    assert "nonce" in seen
    lines = (directory / "keys").read_text().splitlines()
    sas = [sa for line in lines for sa in read_line(line)]
    assert sas
    for key in [key for sa in sas for key in (sa.keys.crypt, sa.keys.auth) if key]:
        assert key[:16].hex() not in seen  # CK and IK have sixteen octets


def test_no_function_sends_past_esp(site: Site, pcscf: PcscfProcess, directory: Path) -> None:
    victim, phone = site.phone(), site.phone()
    for one in (victim, phone):
        one.register()
    assert victim.current
    rules(directory, "one", f"{victim.address}:{victim.current.own.port_s}")
    reload(pcscf)
    with site.lab.pcscf.capture("gm") as gm, site.lab.pcscf.capture("core") as core:
        assert phone.message("sip:past-esp@example.com").status == 504
        site.settle()
    assert not [packet for packet in gm.scapy() if packet.haslayer("UDP")]
    assert not [packet for packet in core.scapy() if victim.address in packet.summary()]


def test_a_reload_loses_no_request(site: Site, pcscf: PcscfProcess, directory: Path) -> None:
    phone = site.phone()
    phone.register()
    waiting = phone.start_request("MESSAGE", PEER)
    rules(directory, "two")
    reload(pcscf)
    assert phone.finish(waiting).status == 200
    assert phone.message(PEER).message.header("server") == "two"
    subjects = [one.message.header("subject") for one in site.core.requests("MESSAGE")[-2:]]
    assert subjects == ["one", "two"]
    (directory / "rules.py").write_text("def before_core(): pass\n")
    pcscf.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reload_refused" in pcscf.log, "it says what is wrong")
    assert f"{directory}/rules.py:1: before_core has to take one argument" in pcscf.log
    assert phone.message(PEER).message.header("server") == "two"
