"""A new user's session of commands beside a P-CSCF that runs, with phones over real ESP."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.netns.namespace import wait_until
from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import LINGER, PEER, SLACK, Site
from tests.peers.phone import Phone

pytestmark = pytest.mark.esp

HTTP = "127.0.0.1:8060"
REFUSED = 503
INTERRUPTED = 130


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return {"admin": f'http = "{HTTP}"', "security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}"}


class Said(NamedTuple):
    status: int
    out: list[str]
    err: list[str]


class Shell:
    """Types commands as a user does: a process each, in no namespace of the P-CSCF's."""

    def __init__(self, pcscf: PcscfProcess) -> None:
        self._socket = ("--socket", str(pcscf.socket))

    def types(self, *words: str) -> Said:
        command = (sys.executable, "-m", "pcscf", *words, *self._socket)
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        return Said(done.returncode, done.stdout.splitlines(), done.stderr.splitlines())

    def says(self, *words: str) -> list[str]:
        said = self.types(*words)
        assert (said.status, said.err) == (0, []), said
        return said.out

    def gives(self, *words: str) -> Any:
        return json.loads("\n".join(self.says(*words, "--json")))

    @contextlib.contextmanager
    def watching(self, *words: str) -> Iterator[list[str]]:
        """What a command says until it is interrupted, as it says it."""
        lines: list[str] = []
        command = (sys.executable, "-m", "pcscf", *words, *self._socket)
        pipe = subprocess.PIPE
        with subprocess.Popen(command, text=True, stdout=pipe, stderr=pipe) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stderr.readline().endswith("; Ctrl-C ends it\n")
            thread = threading.Thread(target=lines.extend, args=(process.stdout,))
            thread.start()
            yield lines
            process.send_signal(signal.SIGINT)
            thread.join(10)
        assert process.returncode == INTERRUPTED


@pytest.fixture
def shell(site: Site, pcscf: PcscfProcess) -> Iterator[Shell]:
    made = Shell(pcscf)
    yield made
    made.types("drain", "--off")


@pytest.fixture
def phone(site: Site) -> Phone:
    made = site.phone()
    made.register()
    return made


def test_a_new_user_looks_around(shell: Shell, site: Site, phone: Phone) -> None:
    assert shell.says("health") == ["live"]
    assert "ready" in shell.says("status")
    impu = phone.subscription.impus[0]
    (line,) = [line for line in shell.says("ues") if phone.address in line]
    assert line.startswith(impu)
    assert "hmac-sha-1-96/aes-cbc" in line
    site.talks(phone)
    text = "\n".join(shell.says("ue", impu))
    assert phone.subscription.impi in text
    for state in site.states(phone):
        assert f"0x{state.spi:08x}" in text
    assert [line for line in shell.says("sas") if phone.address in line]
    assert [line for line in shell.says("next-hops") if line.startswith("udp:198.51.100.2:5060")]
    assert shell.says("blocked") == ["0 sources are blocked"]


def test_the_sas_that_are_shown_are_those_of_the_kernel(
    shell: Shell, site: Site, phone: Phone
) -> None:
    for stages in (["current"], ["current", "previous"]):
        (ue,) = shell.gives("ue", phone.address)["ues"]
        assert [one["stage"] for one in ue["sas"]] == stages
        ends = ("uc", "us", "pc", "ps")
        assert {one[f"spi_{end}"] for one in ue["sas"] for end in ends} == site.spis(phone)
        phone.register()


def test_counters_and_sentences_are_those_of_the_kernel_and_of_what_happened(
    shell: Shell, site: Site, phone: Phone
) -> None:
    site.talks(phone)
    (ue,) = shell.gives("ue", phone.address)["ues"]
    counted = {sa["spi"]: sa["packets"] for one in ue["sas"] for sa in one["sas"]}
    assert counted == {state.spi: state.packets for state in site.states(phone)}
    assert "PACKETS" in "\n".join(shell.says("ue", phone.address))
    assert shell.says("why", phone.subscription.impus[0])[0].startswith("ok ")
    assert shell.says("why", "192.0.2.199")
    assert shell.says("drops")


def test_a_phone_is_watched_as_it_registers_and_writes(
    shell: Shell, site: Site, phone: Phone
) -> None:
    with shell.watching("trace", phone.address) as lines:
        phone.register()
        assert phone.message(PEER, "hello there").status == 200
        wait_until(lambda: "200 OK (MESSAGE)" in "".join(lines), "the trace has it all")
    text = "".join(lines)
    for line in ("REGISTER sip:", "401 ", f"MESSAGE {PEER}", "ESP 0x"):
        assert line in text


def test_draining_turns_new_phones_away_and_leaves_the_others(
    shell: Shell, site: Site, phone: Phone
) -> None:
    (line,) = shell.says("drain")
    assert line.startswith("draining: no new phone is let in")
    said = shell.types("health", "--ready")
    assert (said.status, said.err) == (1, ["not ready: draining: no new phone is let in"])
    new = site.phone()
    assert new.sm1().status == REFUSED
    site.talks(phone)
    phone.register()
    site.talks(phone)
    assert shell.says("drain", "--off") == ["serving: new phones are let in"]
    new.register()
    site.talks(new)


def test_a_phone_that_is_deregistered_loses_its_sas_and_may_come_again(
    shell: Shell, site: Site, phone: Phone
) -> None:
    other = site.phone(6, transport="TCP")
    other.register()
    impu = phone.subscription.impus[0]
    assert shell.says("deregister", impu) == [
        f"deregistered {phone.subscription.impi} at {phone.address}"
    ]
    site.wait_for_states(0, phone)
    said = shell.types("ue", impu)
    assert (said.status, said.err) == (1, [f"no phone of {impu} is registered here"])
    site.talks(other)
    phone.restart(phone.address)
    phone.register()  # the core was told nothing, and may still call the contact of before
    assert phone.message(PEER).status == 200


def test_prometheus_and_the_api_over_http(
    shell: Shell, site: Site, pcscf: PcscfProcess, phone: Phone
) -> None:
    assert phone.message(PEER).status == 200

    def get(path: str, **headers: str) -> str:
        request = urllib.request.Request(f"http://{HTTP}{path}", headers=headers)
        with site.lab.pcscf.entered(), urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read(), "utf-8")

    text = get("/metrics")
    found = re.search(
        r'pcscf_sip_requests_total{direction="received",method="MESSAGE",side="protected"} (\S+)',
        text,
    )
    assert found is not None
    assert float(found[1]) >= 1
    assert json.loads(get("/api/ues"))["total"] >= 1
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get("/api/ues", Host="evil.example")


def test_nothing_that_was_shown_or_logged_has_a_key(
    shell: Shell, pcscf: PcscfProcess, phone: Phone
) -> None:
    commands = (("ues",), ("ue", phone.address), ("sas",), ("status",))
    text = str([shell.says(*words, "--json") for words in commands]) + pcscf.log
    assert phone.current is not None
    assert phone.current.result is not None
    for key in (phone.current.result.ck, phone.current.result.ik):
        assert key.hex() not in text
