"""What the decoder makes of captures as a whole, for tests that know what was said."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from pcscf.decode import Decoder, Frame, Keys, Sa, SipMessage, Summary, merged, open_capture


class Reading(NamedTuple):
    """Messages in the order of time, SAs in the order in which they were met."""

    messages: list[SipMessage]
    sas: list[Sa]
    summary: Summary

    @property
    def carriers(self) -> list[Sa]:
        """The SAs that had packets."""
        return [sa for sa in self.sas if sa.packets]


def read_frames(frames: Iterable[Frame], keys: Keys | None = None) -> Reading:
    """Decode frames that come in the order of time."""
    decoder = Decoder(keys)
    messages = [message for frame in frames for message in decoder.feed(frame)]
    messages += decoder.finish()
    summary = decoder.summary()
    summary.shown = len(messages)
    return Reading(messages, list(decoder.sas), summary)


def read_files(*paths: Path, keys: Keys | None = None) -> Reading:
    """Decode capture files as one."""
    with ExitStack() as stack:
        captures = [stack.enter_context(open_capture(str(path))) for path in paths]
        return read_frames(merged(captures, lambda _kind, _data: None), keys)
