"""The trace's lines, and its queue."""

import asyncio
import io
import json
from base64 import b64decode

import pytest

from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.decode.model import Endpoint as DecodeEndpoint
from pcscf.decode.model import Sa, SipMessage
from pcscf.decode.output.jsonl import Jsonl
from pcscf.mirror.trace import Trace, Traces
from tests.core.phone import Phone
from tests.core.stage import CK, FROM_CORE, IK, IMPU, UE, UE6
from tests.decode.samples import sip
from tests.mirror.tapped import TappedStage, lines, lost, messages
from tests.net.support import looped

TEXT = sip("MESSAGE sip:b@c SIP/2.0", "Call-ID: one")


def test_a_line_is_that_of_the_decoder_to_the_octet_with_side_and_way() -> None:
    stage = TappedStage()
    phone = Phone(stage, host=UE6)
    phone.registered()
    trace = stage.trace()
    phone.says(data := phone.message("MESSAGE", "sip:b@example.net"))
    (own,) = stage.kernel
    written = io.BytesIO()
    flow = phone.protected_flow()
    src, dst = DecodeEndpoint(*flow.remote), DecodeEndpoint(*flow.local)
    sa = Sa(own.spi_ps, src.host, dst.host)
    Jsonl(written).message(SipMessage(1, 1_000_000_000_000, src, dst, "UDP", sa, data))
    line = lines(trace)[0]
    assert line == written.getvalue().replace(b"}\n", b', "side": "gm", "sent": false}\n')
    assert json.loads(line)["src"] == f"[{UE6}]:{phone.port_uc}"


@pytest.mark.parametrize("transport", list(Transport))
def test_each_of_the_four_sas_is_named(transport: Transport) -> None:
    stage = TappedStage()
    phone = Phone(stage, transport=transport)
    phone.registered()
    (own,) = stage.kernel
    trace = stage.trace()
    ps, pc = Endpoint(own.pcscf, own.port_ps), Endpoint(own.pcscf, own.port_pc)
    uc, us = Endpoint(own.ue, own.port_uc), Endpoint(own.ue, own.port_us)
    for local, remote, sent in ((ps, uc, False), (ps, uc, True), (pc, us, True), (pc, us, False)):
        trace.seen(Flow(transport, Side.PROTECTED, local, remote), TEXT, sent=sent)
    trace.seen(Flow(transport, Side.PROTECTED, pc, Endpoint("192.0.2.99", 1)), TEXT, sent=True)
    found = messages(trace)
    assert [one.sa and one.sa.spi for one in found] == [
        own.spi_ps, own.spi_uc, own.spi_us, own.spi_pc, None,
    ]  # fmt: skip
    assert [one.transport for one in found] == [transport] * 5
    assert [str(one.src) for one in found[:2]] == [str(uc), str(ps)]
    assert [str(one.dst) for one in found[:2]] == [str(ps), str(uc)]


def test_no_key_leaves_in_a_line() -> None:
    stage = TappedStage()
    trace = stage.trace(IMPU)
    Phone(stage).registered()
    raw = [b64decode(json.loads(line)["raw"]) for line in lines(trace)]
    challenge = next(data for data in raw if b'ck="' in data)
    assert b'ck="' + b"x" * len(CK) in challenge
    assert not any(key.encode() in data for key in (CK, IK) for data in raw)


def test_the_oldest_go_where_the_reader_is_too_slow() -> None:
    trace = TappedStage().trace(room=3)
    for number in range(5):
        trace.seen(FROM_CORE, sip("MESSAGE sip:b@c SIP/2.0", f"Call-ID: {number}"), sent=True)
    first, *others = lines(trace)
    assert json.loads(first) == {"type": "lost", "count": 2}
    assert [json.loads(line)["call_id"] for line in others] == ["2", "3", "4"]


def test_octets_are_bounded_as_well_and_given_free_by_reading() -> None:
    trace = TappedStage().trace(octets=2 * len(TEXT))
    for _ in range(3):
        trace.seen(FROM_CORE, TEXT, sent=True)
    assert lost(trace) == 1
    for _ in range(2):
        trace.seen(FROM_CORE, TEXT, sent=True)
    assert len(messages(trace)) == 2
    assert trace._held == 0


@looped
async def test_a_reader_waits_for_news_and_hears_silence() -> None:
    trace = Trace(TappedStage().edge.views, patience=0.01)
    assert await anext(trace) == b"\n"
    waiting = asyncio.ensure_future(anext(trace))
    await asyncio.sleep(0)
    trace.seen(FROM_CORE, TEXT, sent=True)
    assert json.loads(await waiting)["call_id"] == "one"
    trace.seen(FROM_CORE, TEXT, sent=True)
    trace.close()
    assert [json.loads(line)["call_id"] async for line in trace] == ["one"]


@looped
async def test_a_reader_that_waits_is_told_of_the_end() -> None:
    trace = Trace(TappedStage().edge.views, UE)
    waiting = asyncio.ensure_future(anext(trace, None))
    await asyncio.sleep(0)
    trace.close()
    assert await waiting is None


@looped
async def test_a_reader_that_gives_up_loses_nothing() -> None:
    trace = Trace(TappedStage().edge.views)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(trace), 0.01)
    trace.seen(FROM_CORE, TEXT, sent=True)
    assert json.loads(await anext(trace))["call_id"] == "one"


@looped
async def test_a_trace_is_there_within_its_block() -> None:
    stage = TappedStage()
    phone = Phone(stage)
    phone.registered()
    traces = Traces(stage.taps.append, stage.taps.remove, stage.edge.views, lambda: stage.now)
    with traces.opened(IMPU) as trace:
        assert stage.taps == [trace]
        waiting = asyncio.ensure_future(anext(trace))  # and so finds who is registered
        await asyncio.sleep(0.01)
        phone.says(phone.message("OPTIONS", "sip:b@c"))
        assert json.loads(await waiting)["src"] == f"{UE}:{phone.port_uc}"
    assert stage.taps == []
    assert len([line async for line in trace]) == 1  # what went on to the core, and no more


def test_a_tap_that_was_thrown_out_is_no_trouble() -> None:
    stage = TappedStage()
    traces = Traces(stage.taps.append, stage.taps.remove, stage.edge.views, lambda: 0.0)
    with traces.opened(None):
        stage.taps.clear()


def test_a_line_says_which_side_it_was_on_and_who_sent_it() -> None:
    stage = TappedStage()
    phone = Phone(stage)
    trace = stage.trace()
    phone.registered()
    found = [json.loads(line) for line in lines(trace)]
    assert [(one["side"], one["sent"]) for one in found[:4]] == [
        ("gm", False),
        ("core", True),
        ("core", False),
        ("gm", True),
    ]
