from collections import Counter

from pcscf.decode import Fault, Summary
from pcscf.decode.model import NO_IP
from tests.decode.reading import Reading
from tests.decode.samples import CORE, MESSAGE, PCSCF, PCSCF_CORE, UE, an_sa, seen
from tests.demo.overheard import differences, of_hosts, unread
from tests.demo.wiretap import Flow, Segment
from tests.peers.text import Address

SENT = Segment(1.0, Flow("UDP", Address(*UE), Address(*PCSCF)), MESSAGE)


def test_all_that_a_socket_noted_was_decoded_and_no_more() -> None:
    found = seen(MESSAGE)
    assert differences([found, found], [SENT, SENT]) == []
    what = f"UDP {SENT.flow.src} -> {SENT.flow.dst} {found.start_line}: "
    assert differences([found], [SENT, SENT]) == [what + "not decoded"]
    assert differences([found, found], [SENT]) == [what + "said by nobody"]
    assert len(differences([seen(MESSAGE, PCSCF, UE)], [SENT])) == 2
    assert len(differences([seen(MESSAGE + b"x")], [SENT])) == 2


def test_a_phone_s_messages_are_those_it_has_a_part_in() -> None:
    mine, others = seen(MESSAGE), seen(MESSAGE, PCSCF_CORE, CORE)
    assert of_hosts(Reading([mine, others], [], Summary()), [UE.host]) == [mine]


def test_whatever_was_not_read_speaks_against_it() -> None:
    unchecked, damaged, unused = an_sa(7), an_sa(8), an_sa(9)
    unchecked.checked = unused.checked = False
    unused.packets = 0
    damaged.faults[Fault.BAD_ICV] = 1
    no_loss = Summary(losses=Counter({NO_IP: 2}))
    assert unread(Reading([], [an_sa(), unused], no_loss), [UE.host]) == []
    losses = Summary(losses=Counter({"gaps in streams": 3}), notes=["a note"])
    assert unread(Reading([], [unchecked, damaged], losses), [UE.host]) == [
        "SA 0x00000007 192.0.2.11 -> 192.0.2.1: the ICV was not checked",
        "SA 0x00000008 192.0.2.11 -> 192.0.2.1: 1 packets: bad ICV",
        "3 gaps in streams",
        "a note",
    ]
    assert unread(Reading([], [unchecked, damaged], no_loss), ["192.0.2.99"]) == []
