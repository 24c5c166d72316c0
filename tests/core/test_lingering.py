"""What a transaction that only absorbs copies holds: it does so for up to two minutes."""

import functools
import gc
import tracemalloc

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import SipReceived
from pcscf.core.guard_policy import GuardPolicy
from pcscf.sip.message import Request, parse
from tests.core.call import wire
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, Stage

MANY = 400
ALLOWED = 1536  # octets of one transaction, with its last answer
BODY = b"v=0\r\n" + b"a=x\r\n" * 60


def held() -> int:
    """Octets in use, without the texts that are remembered (a bounded number)."""
    for one in gc.get_objects():
        if isinstance(one, functools._lru_cache_wrapper):
            one.cache_clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def answered(phone: Phone, method: str, number: int) -> None:
    """A request of the phone and its 200, past the stage, which keeps everything."""
    edge, now = phone.stage.edge, phone.stage.now
    phone.call_id = f"call-{number}"
    message = phone.message(method, "sip:b@example.net", "Contact: <sip:ue@x>", body=BODY)
    sent = [
        effect.data
        for effect in edge.handle(SipReceived(phone.protected_flow(), message), now)
        if isinstance(effect, SendSip) and effect.data.startswith(method.encode())
    ]
    request = parse(sent[0])
    assert isinstance(request, Request)
    copied = [
        line for name in ("via", "from", "to", "call-id", "cseq") for line in request.lines(name)
    ]
    answer = wire("SIP/2.0 200 OK", [*copied, "Contact: <sip:b@y>"], BODY)
    edge.handle(SipReceived(FROM_CORE, answer), now)


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_a_lingering_transaction_is_small(method: str) -> None:
    stage = Stage(max_transactions=10**6, guard=GuardPolicy(user_rate=0))
    phone = Phone(stage)
    phone.registered(expires=600_000)
    stage.wait(200)
    tracemalloc.start()
    try:
        before = held()
        for number in range(MANY):
            answered(phone, method, number)
        stage.edge._wire.servers.settle()
        both = (held() - before) / MANY
    finally:
        tracemalloc.stop()
    wire_ = stage.edge._wire
    assert len(wire_.servers) == len(wire_.clients) == MANY
    assert both / 2 < ALLOWED
