"""``pcscf trace`` of a phone that registers and writes, over a real Unix socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext

from pcscf.admin.parts import Parts
from pcscf.core.effects import Effect, SendSip
from pcscf.core.events import Event, SipReceived
from pcscf.core.flow import Flow
from pcscf.mirror.trace import Traces
from pcscf.net.observers import Tap
from tests.admin.desk import another
from tests.commands.spoken import Said, command, shell
from tests.core.phone import Phone
from tests.core.stage import CK, IK, UE, Stage
from tests.net.support import looped, until


class Tapped(Stage):
    """A stage whose messages are seen by taps, as those of a server are."""

    def __init__(self) -> None:
        super().__init__()
        self.taps: list[Tap] = []

    def play(self, event: Event) -> list[Effect]:
        if isinstance(event, SipReceived):
            self._show(event.flow, event.data, sent=False)
        effects = super().play(event)
        for effect in effects:
            if isinstance(effect, SendSip):
                self._show(effect.flow, effect.data, sent=True)
        return effects

    def _show(self, flow: Flow, data: bytes, *, sent: bool) -> None:
        for tap in self.taps:
            tap.seen(flow, data, sent=sent)


async def traced(*words: str) -> Said:
    """What a trace says of two phones that register, one after the other."""
    stage = Tapped()
    views, clock = stage.edge.views, asyncio.get_running_loop().time
    traces = Traces(stage.taps.append, stage.taps.remove, views, clock)
    async with shell(Parts(traces=traces), stage=stage) as s:
        reading = asyncio.create_task(command("trace", *words, "--socket", s.desk.options.socket))
        await until(lambda: stage.taps)
        another(stage).registered()
        Phone(stage).registered()
        await asyncio.sleep(0.05)
        await s.desk.service.close()
        return await reading


@looped
async def test_a_ladder_grows_as_messages_pass_and_ends_with_the_p_cscf():
    said = await traced()
    assert (said.status, said.err) == (0, ["watching all phones; Ctrl-C ends it"])
    text = "\n".join(said.out)
    assert text.count("REGISTER sip:") == 8
    assert text.count("401 Unauthorized") + text.count("401 X") == 4
    assert "ESP 0x" in text


@looped
async def test_a_phone_is_traced_alone():
    text = "\n".join((await traced(UE)).out)
    assert text.count("REGISTER sip:") == 4
    assert "other@" not in text


@looped
async def test_json_is_a_line_a_message_without_keys():
    said = await traced("--json")
    messages = [json.loads(line) for line in said.out if line]
    assert [one["type"] for one in messages] == ["message"] * len(messages)
    assert len(messages) == 16
    text = "\n".join(said.out)
    assert CK not in text
    assert IK not in text


@looped
async def test_whole_messages_have_their_keys_hidden():
    text = "\n".join((await traced("-v")).out)
    assert "Security-Server: ipsec-3gpp" in text
    assert "ck=" in text
    assert CK not in text


@looped
async def test_a_p_cscf_without_the_mirror_says_so():
    async with shell() as s:
        assert await s.refuses("trace") == "this P-CSCF runs without the mirror"


async def odd_lines() -> AsyncIterator[bytes]:
    yield b"not a line\n"


class Odd:
    def opened(self, who: str | None) -> AbstractContextManager[AsyncIterator[bytes]]:
        return nullcontext(odd_lines())


@looped
async def test_what_is_no_trace_is_one_line():
    async with shell(Parts(traces=Odd())) as s:
        said = await s.types("trace")
        assert (said.status, len(said.err)) == (3, 2)
