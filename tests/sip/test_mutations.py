"""Whatever comes, reading it gives a message or a SipError, soon."""

import contextlib
import time

import pytest

from pcscf.errors import ParseError, SipError
from pcscf.sip.auth import parse_auth, take_params
from pcscf.sip.check import check_request, check_response
from pcscf.sip.framing import StreamFramer
from pcscf.sip.ims import PChargingVector, parse_name_addrs
from pcscf.sip.limits import Limits
from pcscf.sip.message import Message, Request, parse
from pcscf.sip.response import answer_unreadable, make_response
from pcscf.sip.security import SecMechanism
from pcscf.sip.uri import canonical_uri
from tests.sip.mutations import MUTATIONS, corpus, mutations

COUNT = 10_000
WIDE = Limits(max_message=10**7, max_headers=10**5, max_line=10**6)  # what we send is our own
SLOWEST = 0.25  # seconds for one message, with room for a busy machine


def read_all(message: Message) -> None:
    """Read what any procedure reads; each may raise SipError, nothing else."""
    with contextlib.suppress(SipError):
        if isinstance(message, Request):
            check_request(message)
            canonical_uri(message.uri)
        else:
            check_response(message)  # type: ignore[arg-type]  # the other of two
    for name in ("route", "record-route", "service-route", "p-associated-uri", "path", "contact"):
        with contextlib.suppress(SipError):
            for address in parse_name_addrs(message.values(name)):
                _ = address.sip_uri.aor()
    for value in message.values("www-authenticate") + message.values("authorization"):
        with contextlib.suppress(SipError):
            parse_auth(value)
            take_params(value, ("ck", "ik"))
    with contextlib.suppress(SipError):
        for entry in SecMechanism.parse_many(message.values("security-client")):
            _ = entry.problem, entry.key, entry.q
    for value in message.values("p-charging-vector"):
        with contextlib.suppress(SipError):
            str(PChargingVector.parse(value))


def answer(data: bytes) -> None:
    """Read a message, edit and answer it as a proxy would."""
    try:
        message = parse(data)
    except ParseError as error:
        made = answer_unreadable(error, to_tag="t")
    else:
        assert data.lstrip(b"\r\n").startswith(message.to_bytes())
        read_all(message)
        made = make_response(message, 400, to_tag="t") if isinstance(message, Request) else None
        with contextlib.suppress(KeyError):
            message.pop_element("route")
        message.prepend("via", "SIP/2.0/UDP h")
        parse(message.to_bytes(), WIDE)
    if made is not None:
        parse(made.to_bytes(), WIDE)


@pytest.mark.parametrize("part", range(4))
def test_mutated_messages(part: int) -> None:
    slowest = 0.0
    for data in mutations(COUNT // 4, seed=part):
        began = time.process_time()
        answer(data)
        slowest = max(slowest, time.process_time() - began)
    assert slowest < SLOWEST


def test_mutated_streams() -> None:
    for data in mutations(1000, seed=9):
        framer = StreamFramer()
        with contextlib.suppress(ParseError):
            for _ in range(3):
                for item in framer.feed(data):
                    if isinstance(item, bytes):
                        answer(item)


def test_the_same_seed_gives_the_same_messages() -> None:
    assert list(mutations(20, seed=3)) == list(mutations(20, seed=3))
    assert list(mutations(20, seed=3)) != list(mutations(20, seed=4))


def test_there_is_something_to_mutate() -> None:
    assert len(corpus()) > 60
    assert len(MUTATIONS) > 10
