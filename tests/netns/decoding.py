"""What tests capture, read by the decoder, and held against what the phones' sockets noted."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from pcscf.decode import Frame, Keys
from tests.decode.reading import Reading, read_frames
from tests.demo.overheard import differences, of_hosts, unread
from tests.demo.recorder import Record
from tests.netns.capture import LINKTYPE_ETHERNET, Capture
from tests.netns.site import Site


def decoded(*captures: Capture, keys: Keys | None = None) -> Reading:
    """Decode captures as one, in the order of time."""
    frames = sorted(frame for capture in captures for frame in capture.timed())
    numbered = enumerate(frames, 1)
    return read_frames(
        (Frame(number, time, LINKTYPE_ETHERNET, data) for number, (time, data) in numbered), keys
    )


@dataclass(slots=True)
class Overheard:
    """Both sides of the P-CSCF. ``record`` is what the sockets of the phones noted meanwhile.

    ``pcscf`` are its own addresses on Gm.
    """

    gm: Capture
    core: Capture
    pcscf: set[str]
    record: Record = field(default_factory=list)

    def assert_all_read(self) -> Reading:
        """No key but those in the capture, and every message of the phones, and no other."""
        reading = decoded(self.gm, self.core)
        faults = unread(reading, self.phones)
        faults += differences(of_hosts(reading, self.phones), self.record)
        assert not faults, "\n".join(faults)
        return reading

    @property
    def phones(self) -> set[str]:
        """The phones' addresses. Those of earlier tests may still repeat the end of a stream."""
        ends = (end for one in self.record for end in (one.flow.src, one.flow.dst))
        hosts = {end.host for end in ends} - self.pcscf
        assert hosts
        return hosts


@contextlib.contextmanager
def overhearing(site: Site) -> Iterator[Overheard]:
    """Capture all within the block; phones made there note what they send and receive."""
    pcscf = site.lab.pcscf
    with pcscf.capture("gm") as gm, pcscf.capture("core") as core:
        heard = Overheard(gm, core, {site.lab.v4.pcscf_gm, site.lab.v6.pcscf_gm})
        site.record = heard.record
        try:
            yield heard
        finally:
            site.record = None
