"""`pcscf decode -i`: packets of a real interface, as they pass."""

import json
import os
import select
import signal
import subprocess
import sys

import pytest

from pcscf.decode.input.live import LiveCapture, open_live
from pcscf.decode.input.messages import Messages
from pcscf.decode.input.unwrap import Unwrapper
from pcscf.errors import CaptureError
from tests.netns.lab import Lab

pytestmark = pytest.mark.esp

OPTIONS = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def send(lab: Lab, version: int) -> None:
    at = lab.addresses(version)
    with (
        lab.ue.socket((at.ue, 5060)) as sender,
        lab.pcscf.socket((at.pcscf_gm, 5060)) as receiver,
    ):
        sender.sendto(OPTIONS, (at.pcscf_gm, 5060))
        assert receiver.recv(2048) == OPTIONS


def first_message(capture: LiveCapture) -> tuple[str, bytes]:
    unwrapper, messages = Unwrapper(), Messages()
    for frame in capture:
        packet = unwrapper.frame(frame)
        for message in messages.feed(packet) if packet else []:
            return message.src.host, message.data
    raise AssertionError(capture.notes)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("interface", ["gm", "any"])
def test_an_interface_is_heard(lab: Lab, version: int, interface: str) -> None:
    with lab.pcscf.entered():
        capture = open_live(interface)
    with capture:
        send(lab, version)
        assert first_message(capture) == (lab.addresses(version).ue, OPTIONS)
    assert capture.notes == []


def test_ctrl_c_tells_what_was_heard(lab: Lab) -> None:
    words = (sys.executable, "-m", "pcscf", "decode", "-i", "gm", "-f", "jsonl")
    decoder = lab.pcscf.popen(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert decoder.stdout
    for _ in range(100):  # it begins to listen some time
        send(lab, 4)
        if select.select([decoder.stdout], [], [], 0.2)[0]:
            break
    decoder.send_signal(signal.SIGINT)
    out, err = decoder.communicate(timeout=30)
    *messages, summary = map(json.loads, out.splitlines())
    assert {one["start_line"] for one in messages} == {"OPTIONS sip:a SIP/2.0"}
    assert (len(messages), summary["stopped"]) == (summary["messages"], True)
    assert (decoder.returncode, err) == (0, b"")


def test_loopback_is_heard_once(lab: Lab) -> None:
    with lab.pcscf.entered():
        capture = open_live("lo")
    with capture, lab.pcscf.socket(("127.0.0.1", 5060)) as end:
        for count in range(2):
            end.sendto(b"%d" % count, ("127.0.0.1", 5060))
        frames = iter(capture)
        assert [next(frames).data[-1:] for _ in range(2)] == [b"0", b"1"]


def test_an_interface_that_goes_down_ends_it(lab: Lab) -> None:
    with lab.pcscf.entered():
        capture = open_live("gm")
    with capture:
        lab.pcscf.ip("link set gm down")
        assert all(frame.number for frame in capture)
    assert capture.notes == ["gm: Network is down"]


def test_there_is_no_such_interface(lab: Lab) -> None:
    with lab.pcscf.entered(), pytest.raises(CaptureError, match=r"^gm9: No such device$"):
        open_live("gm9")


def test_the_right_to_capture_is_named(lab: Lab) -> None:
    child = os.fork()
    if not child:
        os.setuid(65534)
        try:
            open_live("gm")
        except CaptureError as error:
            os._exit(0 if "CAP_NET_RAW" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_name_of_an_interface_is_a_text_without_nul() -> None:
    with pytest.raises(CaptureError, match="no name of an interface"):
        open_live("a\0b")
