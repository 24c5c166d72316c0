"""A machine dies, another one goes on with its phones, and two never serve them at once."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pcscf.config_sections import Store as StoreSettings
from pcscf.store.key_file import add_key
from tests.admin.desk import read
from tests.netns.lab import Lab
from tests.netns.namespace import wait_until
from tests.netns.pair import LabValkey, Pair, give_back, open_pair, take_away
from tests.netns.pcscf_process import PcscfProcess, config
from tests.netns.site import LINGER, SLACK, WAYS, Site, came_under, open_site
from tests.netns.test_calls import talking
from tests.peers.peer import NothingCameError
from tests.peers.phone import Phone
from tests.peers.router import RoutingCore

pytestmark = pytest.mark.esp

PHONES = 60
DEFAULT_LEASE = StoreSettings().lease
LEASE = 1.5  # seconds; tests that need no bound need not wait as long
BOUND = 5.0  # seconds from the death of one to its phones being served by the other
WRITTEN = 0.5  # seconds in which a change is in the store, on a slow machine
ALSO_VALKEY = "198.51.100.3"  # another address of the store's machine
MOVED = ("192.0.2.1/32", "2001:db8:1::1/128")
PCSCF = {
    ip_address(one).packed
    for one in ("192.0.2.1", "198.51.100.1", "2001:db8:1::1", "2001:db8:2::1")
}
YIELDS = "the lease of 192.0.2.1 is another's now: it serves its phones"


class Twins:
    """Two P-CSCFs, their site and their store; ``serving`` says which one has the phones."""

    def __init__(self, pair: Pair, valkey: LabValkey, directory: Path, site: Site) -> None:
        self.pair, self.valkey, self.site = pair, valkey, site
        self.directory = directory
        self._key_file = directory / "store.key"
        add_key(str(self._key_file), datetime.now(UTC))
        self.lease = LEASE
        self.processes: list[PcscfProcess] = []

    def begin(
        self, lab: Lab, name: str, *, says: str, url: str = "", moves: bool = True
    ) -> PcscfProcess:
        """Start one; it ``moves`` its addresses itself, or another program does."""
        store = (
            f'kind = "valkey"\nurl = "{url or self.valkey.url}"\nkey_file = "{self._key_file}"\n'
            f"lease = {self.lease}\nsequence_interval = 0.3\ntimeout = 0.5"
        )
        devices = 'takeover_device = "gm"\ntakeover_core_device = "core"' if moves else ""
        text = config(
            lab,
            security=f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
            store=f'{store}\ninstance = "{name}"\n{devices}',
        )
        (self.directory / name).mkdir()
        process = PcscfProcess(lab, self.directory / name, text, says=says)
        self.processes.append(process)
        return process

    def begin_both(self) -> tuple[PcscfProcess, PcscfProcess]:
        first = self.begin(self.pair.one, "one", says="ready")
        self.site.lab = self.pair.one
        return first, self.begin(self.pair.two, "two", says="standing_by")

    def registered(self) -> list[Phone]:
        """A phone of each kind, which all have been served."""
        phones = [self.site.phone(version, transport=transport) for version, transport in WAYS]
        for phone in phones:
            phone.register()
        for phone in phones:
            self.serves(phone)
        time.sleep(WRITTEN)
        return phones

    def serves(self, phone: Phone, seconds: float = BOUND) -> None:
        """A phone writes to itself, again and again: both ways under the SAs that it has."""
        own, deadline = phone.current, time.monotonic() + seconds
        while True:
            before = len(phone.received)
            with contextlib.suppress(NothingCameError, OSError):
                assert phone.message(phone.identity, timeout=0.4).status == 200
                break
            assert time.monotonic() < deadline, f"{phone.address} is not served"
        came = phone.wait_for(lambda message: message.is_request, since=before)
        assert came_under(phone, came) is own is phone.current

    def close(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.process.send_signal(signal.SIGCONT)
            process.close()


def addresses(lab: Lab) -> str:
    return lab.pcscf.run("ip", "-o", "address")


def has_moved_here(lab: Lab) -> bool:
    here = [one in addresses(lab) for one in MOVED]
    assert here[0] == here[1]
    return here[0]


def asks(process: PcscfProcess, path: str) -> tuple[int, Any]:
    """Ask the admin side."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(process.socket))
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        data = b""
        while part := sock.recv(65536):
            data += part
    answer = read(data)
    return answer.status, answer.json


@pytest.fixture
def pair() -> Iterator[Pair]:
    with open_pair(PHONES) as made:
        yield made


@pytest.fixture
def twins(pair: Pair, tmp_path: Path) -> Iterator[Twins]:
    pair.one.core.ip(f"address add {ALSO_VALKEY}/24 dev core")
    with (
        LabValkey(pair.one, tmp_path / "valkey", ALSO_VALKEY) as valkey,
        open_site(pair.one, kind=RoutingCore) as site,
    ):
        made = Twins(pair, valkey, tmp_path, site)
        try:
            yield made
        finally:
            phones = site.close_phones()
            made.close()
    for process in made.processes:
        assert "event_failed" not in process.log
        assert "loop_error" not in process.log
    for phone in phones:
        phone.assert_clean()


def test_a_machine_dies_and_another_serves_its_phones(twins: Twins) -> None:
    twins.lease = DEFAULT_LEASE
    one, two = twins.begin_both()
    lab_one, lab_two = twins.pair.one, twins.pair.two
    assert has_moved_here(lab_one)
    assert not has_moved_here(lab_two)
    status, answer = asks(two, "/readyz")
    assert (status, answer["reasons"]) == (
        503,
        ["stands by: instance one serves 192.0.2.1"],
    )
    assert asks(two, "/livez")[0] == 200
    phones = twins.registered()
    call, there = talking(phones[0], phones[1])
    time.sleep(WRITTEN)

    dead = time.monotonic()
    one.kill()
    take_away(lab_one)
    for phone in phones:
        twins.serves(phone, BOUND - (time.monotonic() - dead))
    assert time.monotonic() - dead < BOUND
    assert asks(two, "/readyz")[0] == 200
    assert len(lab_two.pcscf.xfrm_states()) == 4 * len(phones)
    assert there.bye().status == 200
    call.dialog.wait_for("BYE")
    call, there = talking(phones[1], phones[0])

    time.sleep(WRITTEN)

    # it comes back, and leaves its phones to the other one
    give_back(lab_one)
    one.start_again("standing_by")
    assert not has_moved_here(lab_one)
    assert lab_one.pcscf.xfrm_states() == []
    for phone in phones:
        twins.serves(phone)
    assert call.bye().status == 200
    there.dialog.wait_for("BYE")

    # and takes them when the other one is asked to end
    time.sleep(WRITTEN)
    before = one.said("ready")
    assert two.stop() == 0
    wait_until(lambda: one.said("ready") > before, "the first serves again")
    assert not has_moved_here(lab_two)
    twins.site.lab = lab_one
    for phone in phones:
        twins.serves(phone)
        phone.register()
        twins.serves(phone)


def test_who_was_paused_yields_and_sends_nothing(twins: Twins) -> None:
    one, two = twins.begin_both()
    phones = twins.registered()
    one.process.send_signal(signal.SIGSTOP)
    twins.site.phone().send_sm1()  # which waits in the first one's socket
    wait_until(lambda: two.said("ready") == 1, "the second serves")
    for phone in phones:
        twins.serves(phone)
    with twins.pair.one.pcscf.capture("gm") as gm, twins.pair.one.pcscf.capture("core") as core:
        one.process.send_signal(signal.SIGCONT)
        assert one.process.wait(10) == 1
        assert sent_as_pcscf(twins.pair.one, "gm", gm.frames()) == 0
        assert sent_as_pcscf(twins.pair.one, "core", core.frames()) == 0
    assert one.log.strip().splitlines()[-1] == YIELDS
    assert not has_moved_here(twins.pair.one)
    assert twins.pair.one.pcscf.xfrm_states() == []
    assert twins.pair.one.pcscf.xfrm_policies() == []
    for phone in phones:
        twins.serves(phone)


def test_who_alone_cannot_reach_the_store_yields_to_who_can(twins: Twins) -> None:
    """It cannot know that it is alone, and serves on, until it hears the other one."""
    lab_one, url = twins.pair.one, twins.valkey.url.replace(twins.pair.one.v4.core, ALSO_VALKEY)
    one = twins.begin(lab_one, "one", says="ready", url=url)
    twins.site.lab = lab_one
    two = twins.begin(twins.pair.two, "two", says="standing_by")
    phones = twins.registered()
    lab_one.pcscf.ip(f"route add blackhole {ALSO_VALKEY}/32")
    assert one.process.wait(3 * BOUND) == 1
    assert one.log.strip().splitlines()[-1] == YIELDS
    assert "hold=unsure" in one.log
    assert not has_moved_here(lab_one)
    assert has_moved_here(twins.pair.two)
    assert lab_one.pcscf.xfrm_states() == []
    wait_until(lambda: two.said("ready") == 1, "the second serves")
    for phone in phones:
        twins.serves(phone)


def sent_as_pcscf(lab: Lab, device: str, frames: list[bytes]) -> int:
    """Count what a machine itself has sent from an address of the P-CSCF."""
    words = lab.pcscf.run("ip", "-o", "link", "show", device).split()
    mac = bytes.fromhex(words[words.index("link/ether") + 1].replace(":", ""))
    own = [(frame[26:30], frame[22:38]) for frame in frames if frame[6:12] == mac]
    return sum(not PCSCF.isdisjoint(sources) for sources in own)


def test_of_two_that_begin_together_one_serves(twins: Twins) -> None:
    labs = {"one": twins.pair.one, "two": twins.pair.two}
    made = {name: twins.begin(lab, name, says="standing_by") for name, lab in labs.items()}
    wait_until(lambda: sum(one.said("ready") for one in made.values()) == 1, "one serves")
    time.sleep(2 * LEASE)
    (name,) = (name for name, one in made.items() if one.said("ready"))
    assert [has_moved_here(lab) for lab in labs.values()] == [name == "one", name == "two"]
    assert sorted(asks(one, "/readyz")[0] for one in made.values()) == [200, 503]


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_without_the_store_phones_are_served_and_it_catches_up(twins: Twins, how: str) -> None:
    one, two = twins.begin_both()
    phones = twins.registered()
    if how == "killed":
        twins.valkey.kill()
    else:
        twins.valkey.pause()
    late = twins.site.phone()
    late.register()
    time.sleep(2 * LEASE)
    phones.append(late)
    for phone in phones:
        twins.serves(phone)
    assert asks(one, "/readyz")[0] == 200
    status = asks(one, "/api/status")[1]
    assert (status["store"]["state"], status["lease"]) == ("down", "unsure")
    assert any(note.startswith("the store is silent: ") for note in status["notes"])
    assert asks(two, "/readyz")[1]["reasons"] == [
        "stands by: the store does not say who serves 192.0.2.1"
    ]
    if how == "killed":
        twins.valkey.start()
    else:
        twins.valkey.resume()
    wait_until(lambda: asks(one, "/api/status")[1]["store"]["state"] == "ok", "it catches up", 10)
    time.sleep(2 * LEASE)
    assert two.said("ready") == 0
    one.kill()
    take_away(twins.pair.one)
    for phone in phones:
        twins.serves(phone)
