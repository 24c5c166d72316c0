"""A process dies, another one goes on, and registered phones do not notice."""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pcscf.store.key_file import add_key
from tests.netns.asking import AdminSocket
from tests.netns.lab import Lab, open_lab
from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.netns.site import LINGER, SLACK, Site, came_under, every_way, open_site
from tests.netns.test_calls import talking
from tests.peers.peer import Sent
from tests.peers.phone import Phone
from tests.peers.router import RoutingCore
from tests.peers.wire import TcpLink

pytestmark = pytest.mark.esp

PHONES = 40
FOR_LONG = 64.0  # seconds; half of what a phone waits with T1 = 2 s (TS 24.229 7.7)
WRITTEN = 0.4  # seconds in which a change is in the store, on a slow machine


@pytest.fixture(scope="module")
def place() -> Iterator[Lab]:
    with open_lab(PHONES) as lab:
        yield lab


class Surviving:
    """A P-CSCF with a store, its site, and what may befall both."""

    def __init__(self, process: PcscfProcess, site: Site) -> None:
        self.process, self.site = process, site

    def registered(self, version: int = 4, transport: str = "UDP") -> Phone:
        phone = self.site.phone(version, transport=transport)
        phone.register()
        return phone

    def dies(self, *, lost: bool = False, after: float = WRITTEN) -> None:
        """End it by SIGKILL and start another one; ``lost``: its kernel's SAs are gone too."""
        time.sleep(after)
        self.process.kill()
        if lost:
            self.site.lab.pcscf.ip("xfrm state flush", "xfrm policy flush")
        self.process.start_again()

    def leaves(self) -> None:
        """Have all phones deregister and go."""
        self.site.deregister_phones()
        self.site.forget()
        for phone in self.site.close_phones():
            phone.assert_clean()
        self.site.wait_for_states(0)

    def serves(self, phone: Phone) -> None:
        """A phone writes to itself: both ways under the SAs that it has had all the time."""
        set_before, before = phone.current, len(phone.received)
        assert phone.message(phone.identity).status == 200
        came = phone.wait_for(lambda message: message.is_request, since=before)
        assert came_under(phone, came) is set_before is phone.current


@contextlib.contextmanager
def surviving(lab: Lab, directory: Path, **sections: str) -> Iterator[Surviving]:
    key_file = directory / "store.key"
    add_key(str(key_file), datetime.now(UTC))
    store = f'kind = "sqlite"\npath = "{directory}/store.sqlite"\nkey_file = "{key_file}"'
    text = config(
        lab,
        next_hops=(),
        security=f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
        store=f"{store}\nsequence_interval = 0.3",
        **sections,
    )
    with running(lab, directory, text) as process, open_site(lab, kind=RoutingCore) as site:
        made = Surviving(process, site)
        yield made
        made.leaves()


@pytest.fixture(scope="module")
def shared(place: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surviving]:
    with surviving(place, tmp_path_factory.mktemp("pcscf")) as made:
        yield made


@pytest.fixture
def one(shared: Surviving) -> Iterator[Surviving]:
    """At the end no phone is left, and none has seen what breaks a rule of Gm."""
    yield shared
    shared.leaves()


@every_way
@pytest.mark.parametrize("lost", [False, True], ids=["kernel kept", "kernel lost"])
def test_a_killed_process_loses_no_phone(
    one: Surviving, version: int, transport: str, *, lost: bool
) -> None:
    phone = one.registered(version, transport)
    one.serves(phone)
    states = {state.spi for state in one.site.states(phone)}
    for _ in range(2):
        one.dies(lost=lost)
        assert {state.spi for state in one.site.states(phone)} == states
        one.serves(phone)
    phone.register()
    one.serves(phone)
    phone.deregister()
    one.site.wait_for_states(0, phone)


@pytest.mark.parametrize("lost", [False, True], ids=["kernel kept", "kernel lost"])
def test_a_call_goes_on_and_new_ones_are_made(one: Surviving, *, lost: bool) -> None:
    alice, bob = one.registered(), one.registered(transport="TCP")
    call, there = talking(alice, bob)
    one.dies(lost=lost)
    assert there.bye().status == 200
    call.dialog.wait_for("BYE")
    call, there = talking(bob, alice)
    one.dies(lost=lost)
    assert call.bye().status == 200
    there.dialog.wait_for("BYE")


def test_between_two_sets_of_sas(one: Surviving) -> None:
    """The phone has registered again and not used its new set yet: both live on."""
    phone = one.registered()
    phone.register()
    one.site.wait_for_states(8, phone)
    one.dies(lost=True)
    one.site.wait_for_states(8, phone)
    one.serves(phone)
    one.site.wait_for_states(4, phone)


def test_what_was_taken_before_is_not_taken_again(one: Surviving) -> None:
    """SAs made anew go on behind the numbers that were looked at last."""
    phone = one.registered()
    lab = one.site.lab
    with lab.ue.capture("gm") as capture:
        one.serves(phone)
        frames = [frame for frame in capture.frames() if frame[12:14] == b"\x08\x00"]
    assert phone.current
    spi = phone.current.peer.spi_s.to_bytes(4, "big")
    ours = [frame for frame in frames if frame[23] == 50 and frame[34:38] == spi]
    assert ours
    one.dies(lost=True, after=1.5)
    before = lab.pcscf.xfrm_errors().get("XfrmInStateSeqError", 0)
    with lab.ue.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind(("gm", 0))
        for frame in ours:
            link.send(frame)
    wait_until(
        lambda: lab.pcscf.xfrm_errors().get("XfrmInStateSeqError", 0) >= before + len(ours),
        "the replayed packets are counted",
    )
    one.serves(phone)


def test_a_registration_that_was_half_finished_is_begun_anew(one: Surviving) -> None:
    phone = one.site.phone()
    phone.sm1()
    assert len(one.site.states(phone)) == 4
    one.dies()
    assert one.site.states(phone) == []
    phone.register()
    one.serves(phone)


def test_leftovers_of_nobody_are_swept(one: Surviving) -> None:
    phone = one.registered()
    one.dies(after=0)  # perhaps before it was written
    if not one.site.states(phone):
        phone.restart()
        phone.register()
    one.serves(phone)
    assert len(one.site.states()) == 4


@pytest.mark.parametrize("keep", ["true", "false"])
def test_a_process_that_is_asked_to_end_leaves_its_phones_to_the_next(
    tmp_path: Path, keep: str
) -> None:
    with open_lab(2) as lab, surviving(lab, tmp_path, stop=f"keep_sas = {keep}") as one:
        phone = one.registered()
        one.serves(phone)
        assert one.process.stop() == 0
        assert len(one.site.states(phone)) == (4 if keep == "true" else 0)
        one.process.start_again()
        one.serves(phone)


def test_requests_under_way_are_answered_before_it_ends(one: Surviving) -> None:
    alice, bob = one.registered(), one.registered()
    call = alice.invite(bob.identity, alice.sdp)
    there = bob.wait_for_call()
    there.ring(180)
    call.wait(180)
    one.process.process.terminate()
    time.sleep(0.3)
    there.answer(200, bob.sdp)
    call.wait(200)
    assert one.process.process.wait(10) == 0
    one.process.start_again()
    assert call.bye().status == 200
    there.dialog.wait_for("BYE")


def test_a_restart_in_the_midst_of_messages_drops_none(one: Surviving) -> None:
    """What comes while nobody listens is sent again, as UDP has it, and is answered then."""
    phone = one.registered()

    def again() -> None:
        one.process.stop()
        one.process.start_again()

    restart = threading.Thread(target=again)
    restart.start()
    statuses: list[int] = []
    while restart.is_alive() or len(statuses) < 5:
        statuses.append(phone.message(phone.identity, timeout=FOR_LONG).status)
    restart.join()
    assert set(statuses) == {200}


@every_way
def test_an_upgrade_in_the_midst_of_requests_drops_none(
    one: Surviving, version: int, transport: str
) -> None:
    """Requests one behind the other, without waiting: some are under way, some read, some not."""
    phone = one.registered(version, transport)
    one.serves(phone)
    own, spis = phone.current, one.site.spis()
    assert own
    link = own.link
    upgrade = threading.Thread(target=one.process.upgrade)
    upgrade.start()
    sent: list[Sent] = []
    while upgrade.is_alive() or len(sent) < 5:
        sent.append(phone.start_request("OPTIONS", phone.identity))
        time.sleep(0.1)
    upgrade.join()
    assert {phone.finish(each, FOR_LONG).status for each in sent} == {200}
    one.serves(phone)
    assert (one.site.spis(), own.link) == (spis, link)


def test_an_upgrade_waits_for_an_answer_and_the_call_goes_on(one: Surviving) -> None:
    alice, bob = one.registered(transport="TCP"), one.registered(6, "TCP")
    call = alice.invite(bob.identity, alice.sdp)
    there = bob.wait_for_call()
    there.ring(180)
    call.wait(180)
    before = one.process.said("upgrading"), one.process.said("ready")
    one.process.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: one.process.said("upgrading") > before[0], "it begins to end", FOR_LONG)
    there.answer(200, bob.sdp)
    call.wait(200)
    wait_until(lambda: one.process.said("ready") > before[1], "the new program serves", FOR_LONG)
    assert call.bye().status == 200
    there.dialog.wait_for("BYE")


def test_an_upgrade_takes_half_a_message_along(
    one: Surviving, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = one.registered(transport="TCP")
    one.serves(phone)
    own = phone.current
    assert own
    link, rest = own.link, b""
    assert link

    def send_half(data: bytes) -> None:
        nonlocal rest
        rest = data[100:]
        TcpLink.send(link, data[:100])

    with monkeypatch.context() as patched:
        patched.setattr(link, "send", send_half)
        sent = phone.start_request("OPTIONS", phone.identity)
    one.process.upgrade()
    link.send(rest)
    assert phone.finish(sent).status == 200


def test_a_configuration_that_cannot_be_read_ends_nothing(one: Surviving) -> None:
    phone, before = one.registered(), one.process.said("ready")
    with one.process.configured("[gm]\naddresses = 7\n"):
        one.process.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: one.process.said("upgrade_refused") > 0, "it refuses", FOR_LONG)
    one.serves(phone)
    assert one.process.said("ready") == before
    (line,) = [line for line in one.process.log.splitlines() if " upgrade_refused " in line]
    assert "gm.addresses" in line


def test_an_operator_sees_the_store_and_changes_its_key(one: Surviving) -> None:
    ask, key_file = AdminSocket(one.process.socket), one.process.socket.parent / "store.key"
    phone = one.registered()
    wait_until(lambda: ask.get("/api/status")["store"]["waiting"] == 0, "all is written")
    found = ask.get("/api/status")
    assert (found["store"]["kind"], found["store"]["state"]) == ("sqlite", "ok")
    assert found["notes"] == ask.get("/readyz")["notes"] == []
    add_key(str(key_file), datetime.now(UTC))
    assert "reloaded" in one.process.reload((key_file.parent / "pcscf.toml").read_text())
    phone.register()
    one.dies(lost=True)  # its sets need the old key and the new one
    one.serves(phone)
