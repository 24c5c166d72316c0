"""What the decoder makes of captures, held against what the phones' own sockets noted."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from pcscf.decode import Sa, SipMessage
from pcscf.decode.model import NO_IP
from tests.decode.reading import Reading
from tests.demo.wiretap import Flow, Segment, messages
from tests.peers.text import Address

Said = tuple[Flow, bytes]


def of_hosts(reading: Reading, hosts: Collection[str]) -> list[SipMessage]:
    """The messages from and to these hosts."""
    return [one for one in reading.messages if {one.src.host, one.dst.host} & set(hosts)]


def unread(reading: Reading, hosts: Collection[str]) -> list[str]:
    """All that keeps what these hosts said from being read to the last octet, each ICV checked."""
    faults = [fault for sa in reading.sas if {sa.src, sa.dst} & set(hosts) for fault in _of_sa(sa)]
    faults += [f"{count} {name}" for name, count in reading.summary.losses.items() if name != NO_IP]
    return faults + reading.summary.notes


def _of_sa(sa: Sa) -> Iterator[str]:
    where = f"SA {sa.spi:#010x} {sa.src} -> {sa.dst}"
    for fault, count in sa.faults.items():
        yield f"{where}: {count} packets: {fault}"
    if sa.packets and not sa.checked:
        yield f"{where}: the ICV was not checked"


def differences(found: Iterable[SipMessage], record: Iterable[Segment]) -> list[str]:
    """Messages that the decoder found and no socket noted, and the other way about."""
    noted = Counter((one.flow, one.data) for one in messages(record))
    decoded = Counter(map(_said, found))
    return [*_told(noted - decoded, "not decoded"), *_told(decoded - noted, "said by nobody")]


def _said(message: SipMessage) -> Said:
    return Flow(message.transport, Address(*message.src), Address(*message.dst)), message.data


def _told(said: Counter[Said], what: str) -> Iterator[str]:
    for flow, data in said.elements():
        start = data.partition(b"\r\n")[0].decode("utf-8", "replace")
        yield f"{flow.transport} {flow.src} -> {flow.dst} {start}: {what}"
