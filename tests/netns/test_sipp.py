"""Load between a phone and the core, with sipp at both ends, under the SAs of a real registration.

That the scenarios fit each other is tested without any P-CSCF, where no ESP is needed.
"""

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.net.support import free_port
from tests.netns.sipp import Result, core_side, handset, running
from tests.netns.site import PEER, Site
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour
from tests.peers.text import Address

# By scenario: how many, and how many messages of one are under ESP at the least.
LOADS = {"message": (500, 2), "call": (100, 6), "cancel": (50, 6)}
SIPP_PORT = 5070  # the tests' core has 5060
both_families = pytest.mark.parametrize("version", [4, 6])


def started(*command: str, **options: Any) -> "subprocess.Popen[Any]":
    return subprocess.Popen(command, **options)


def loopback() -> Address:
    """A place that nobody has right now."""
    return Address("127.0.0.1", free_port(socket.SOCK_DGRAM))


@pytest.mark.parametrize("scenario", ["message", "call", "cancel"])
def test_the_scenarios_fit_each_other(tmp_path: Path, scenario: str) -> None:
    asking, answering = loopback(), loopback()
    uri = f"sip:phone@{answering}"
    asker = core_side(asking, answering, f"<sip:{answering};lr>", uri)
    answerer = core_side(answering)
    with running(started, tmp_path, f"answer_{scenario}", answerer, calls=20) as uas:
        with running(started, tmp_path, scenario, asker, calls=20) as uac:
            assert uac.result() == Result(20, 0), uac.errors
        assert uas.result() == Result(20, 0), uas.errors


def test_a_call_that_goes_wrong_is_counted(tmp_path: Path) -> None:
    answering = loopback()
    asker = core_side(loopback(), answering, f"<sip:{answering};lr>", f"sip:phone@{answering}")
    with (
        running(started, tmp_path, "answer_call", core_side(answering), calls=1) as uas,
        running(started, tmp_path, "message", asker, calls=1),
    ):
        assert uas.result() == Result(0, 1)
        assert "while expecting 'INVITE'" in uas.errors


@pytest.mark.esp
@both_families
@pytest.mark.parametrize("scenario", LOADS)
def test_a_phone_asks_many_times(site: Site, tmp_path: Path, version: int, scenario: str) -> None:
    calls, in_esp = LOADS[scenario]
    core = core_side(Address(site.lab.addresses(version).core, SIPP_PORT))
    route = f"<sip:orig@{core.local};lr>"
    site.core.registrar.behaviour = Behaviour(service_route=(route,))
    phone = site.phone(version)
    phone.register()
    before = packets(site, phone)
    with (
        running(site.lab.core.popen, tmp_path, f"answer_{scenario}", core, calls=calls) as uas,
        running(site.lab.ue.popen, tmp_path, scenario, handset(phone, PEER), calls=calls) as uac,
    ):
        assert uac.result() == Result(calls, 0), uac.errors
        assert uas.result() == Result(calls, 0), uas.errors
    assert packets(site, phone) - before >= in_esp * calls


@pytest.mark.esp
@both_families
@pytest.mark.parametrize("scenario", LOADS)
def test_a_phone_is_asked_many_times(
    site: Site, tmp_path: Path, version: int, scenario: str
) -> None:
    calls, in_esp = LOADS[scenario]
    at = site.lab.addresses(version)
    phone = site.phone(version)
    phone.register()
    (binding,) = site.core.bindings(phone.identity)
    pcscf = Address(at.pcscf_core, 5060)
    core = core_side(Address(at.core, SIPP_PORT), pcscf, ", ".join(binding.path), binding.uri)
    before = packets(site, phone)
    phone_side = handset(phone)
    with (
        running(site.lab.ue.popen, tmp_path, f"answer_{scenario}", phone_side, calls=calls) as uas,
        running(site.lab.core.popen, tmp_path, scenario, core, calls=calls) as uac,
    ):
        assert uac.result() == Result(calls, 0), uac.errors
        assert uas.result() == Result(calls, 0), uas.errors
    assert packets(site, phone) - before >= in_esp * calls


def packets(site: Site, phone: Phone) -> int:
    """How many packets the phone's SAs have carried."""
    return sum(one.packets for one in site.states(phone))
