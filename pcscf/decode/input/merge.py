"""Several captures read as one, such as one of Gm and one of the core's side."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from pcscf.decode.input.capture import Capture
from pcscf.decode.model import Frame

TakeSecrets = Callable[[int, bytes], object]


def merged(captures: Sequence[Capture], take_secrets: TakeSecrets) -> Iterator[Frame]:
    """Yield the frames of all in the order of their times, numbered anew if there are several.

    A decryption-secrets block is handed on before the frames behind it.
    """
    streams = [_frames(capture, take_secrets) for capture in captures]
    if len(streams) == 1:
        return streams[0]
    return _numbered(heapq.merge(*streams, key=attrgetter("time")))


def _frames(capture: Capture, take_secrets: TakeSecrets) -> Iterator[Frame]:
    secrets, taken = capture.secrets, 0
    for frame in capture:
        while taken < len(secrets):
            take_secrets(*secrets[taken])
            taken += 1
        yield frame


def _numbered(frames: Iterator[Frame]) -> Iterator[Frame]:
    for number, frame in enumerate(frames, 1):
        yield frame._replace(number=number)
