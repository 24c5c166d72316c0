"""The claims of the demo. Each is a pure function of captures, records and listings."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.decode.reading import Reading
from tests.demo.overheard import differences, of_hosts, unread
from tests.demo.packets import ESP, Packet, Traffic
from tests.demo.wiretap import Flow, Opened, Sa, Segment, messages
from tests.netns.xfrm_listing import XfrmPolicy, XfrmState
from tests.peers.text import Address, Message, parse


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence with its counts, and whatever speaks against it."""

    text: str
    faults: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class Key:
    """CK or IK of one challenge; ``name`` is for people."""

    name: str
    octets: bytes = field(repr=False)

    def is_in(self, data: bytes) -> bool:
        """Whether its octets are there, or their hexadecimal digits in any case."""
        return self.octets in data or self.octets.hex().encode() in data.lower()


def completed(failure: str) -> Claim:
    """The story came to its end; ``failure`` says what stopped it."""
    return Claim(
        "each phone registered, registered again, was in a call and deregistered",
        (failure,) if failure else (),
    )


def only_esp(gm: Traffic, pcscf: Address, phones: Mapping[str, Collection[int]]) -> Claim:
    """TS 33.203 7.1: besides the unprotected port, everything on Gm is ESP.

    ``pcscf`` is the unprotected address; ``phones`` has each phone's protected ports.
    """
    rest = [one for one in gm.packets if not _on_unprotected_port(one, pcscf, phones)]
    clear = [one for one in rest if one.protocol != ESP]
    faults = [f"{_described(one)} in clear" for one in clear]
    faults += [f"a frame that is no IPv4 packet: {frame[:34].hex()}" for frame in gm.others]
    hosts = {pcscf.host, *phones}
    faults += [f"{_described(one)}: a stranger" for one in rest if {one.src, one.dst} - hosts]
    return Claim(
        f"{len(rest)} packets on protected ports: {len(rest) - len(clear)} ESP, "
        f"{len(clear)} in clear ({len(gm.packets) - len(rest)} on the unprotected port)",
        _some(rest, faults),
    )


def _on_unprotected_port(
    packet: Packet, pcscf: Address, phones: Mapping[str, Collection[int]]
) -> bool:
    if packet.ports is None:
        return False
    ends = [Address(packet.src, packet.ports[0]), Address(packet.dst, packet.ports[1])]
    if pcscf not in ends:
        return False
    ends.remove(pcscf)
    phone = ends[0]
    return phone.host in phones and phone.port not in phones[phone.host]


def _described(packet: Packet) -> str:
    ports = f" ports {packet.ports[0]} -> {packet.ports[1]}" if packet.ports else ""
    return f"{packet.src} -> {packet.dst} protocol {packet.protocol}{ports}"


def _some(looked_at: Collection[object], faults: Iterable[str]) -> tuple[str, ...]:
    """A claim about nothing proves nothing."""
    return tuple(faults) if looked_at else (*faults, "there was nothing to look at")


def all_opened(opened: Collection[Opened]) -> Claim:
    """The keys of the phone's own card open every packet, under the SA it belongs to."""
    faults = [f"{_described(one.outer)} {_esp(one)}: {one.fault}" for one in opened if one.fault]
    return Claim(
        f"{len(opened)} ESP packets opened by scapy, keys from the phones' CK and IK: "
        f"{len(opened) - len(faults)} with right ICV and ports",
        _some(opened, faults),
    )


def _esp(one: Opened) -> str:
    return f"spi={one.esp.spi:#010x} seq={one.esp.sequence}"


def unreadable(name: str, opened: Iterable[Opened]) -> Claim:
    """With a cipher, no packet shows a line of the text that it carries."""
    carriers = [(one, lines) for one in opened if (lines := _lines(one.inner))]
    faults = [
        f"{_esp(one)} shows its text"
        for one, lines in carriers
        if any(line in one.outer.octets for line in lines)
    ]
    return Claim(
        f"{name}: {len(carriers)} ESP packets with SIP, readable without the key: {len(faults)}",
        _some(carriers, faults),
    )


def _lines(inner: Packet | None) -> list[bytes]:
    """The lines of SIP in a packet that are long enough to be there by no chance."""
    if inner is None or b"SIP/2.0" not in inner.octets:
        return []
    text = inner.octets[inner.octets.index(b"SIP/2.0") :]
    return [line for line in text.split(b"\r\n") if len(line) > 6]


def byte_for_byte(name: str, record: Iterable[Segment], wire: Iterable[Segment]) -> Claim:
    """What was captured is what the phone sent and received, flow by flow."""
    record, wire = list(record), list(wire)
    noted, captured = by_flow(record), by_flow(wire)
    faults = [
        f"{flow.transport} {flow.src} -> {flow.dst}: {_difference(noted[flow], captured[flow])}"
        for flow in sorted(noted.keys() | captured.keys())
        if noted[flow] != captured[flow]
    ]
    whole = messages(wire)
    inside = sum(one.esp is not None for one in whole)
    return Claim(
        f"{name}: {len(whole)} SIP messages captured, {inside} in ESP, byte for byte as the phone "
        f"sent and received them; flows that differ: {len(faults)}",
        _some(record, faults),
    )


def decoded(
    reading: Reading, esp: int, phones: Collection[str], record: Collection[Segment]
) -> Claim:
    """``pcscf decode`` finds the keys in the captures, and with them what the phones noted.

    ``esp`` is the number of ESP packets as counted otherwise, ``phones`` are their addresses.
    """
    summary, found = reading.summary, of_hosts(reading, phones)
    differ = differences(found, record)
    faults = [*unread(reading, phones), *differ]
    if summary.esp != esp:
        faults.append(f"{esp} ESP packets were captured")
    return Claim(
        f"pcscf decode, given the captures and no key: {summary.read} of {summary.esp} ESP packets "
        f"read, {len(found)} SIP messages on Gm, as the phones sent and received them; "
        f"that differ: {len(differ)}",
        _some(record, faults),
    )


def call_carried(call_id: str, phones: Collection[str], said: Iterable[Segment]) -> Claim:
    """What one phone said in the call has reached the other, with its body, both under ESP.

    ``phones`` are their addresses. A 100 is for the next hop alone.
    """
    whole = [(one, parse(one.data)) for one in messages(said)]
    of_call = [(one, message) for one, message in whole if message.get("call-id") == call_id]
    sent = {_said_in_call(m) for one, m in of_call if one.flow.src.host in phones}
    got = {_said_in_call(m) for one, m in of_call if one.flow.dst.host in phones}
    trying = {one for one in sent | got if one[0] == "100"}
    faults = [f"{name} {cseq} was not passed on as it was" for name, cseq, _ in sent - got - trying]
    faults += [f"{name} {cseq} is of nobody" for name, cseq, _ in got - sent - trying]
    faults += [f"{message.start} in clear" for one, message in of_call if one.esp is None]
    return Claim(
        f"the call: {len(sent - trying)} messages of either phone reached the other with their "
        f"bodies; {len(of_call)} on Gm, {sum(one.esp is not None for one, _ in of_call)} in ESP",
        _some(of_call, faults),
    )


def _said_in_call(message: Message) -> tuple[str, str, bytes]:
    name = message.method if message.is_request else str(message.status)
    return name, message.header("cseq"), message.body


def by_flow(said: Iterable[Segment]) -> defaultdict[Flow, list[bytes]]:
    """The octets of each flow: datagrams one by one, a stream as one."""
    found: defaultdict[Flow, list[bytes]] = defaultdict(list)
    for one in said:
        if one.flow.transport == "TCP" and found[one.flow]:
            found[one.flow][0] += one.data
        else:
            found[one.flow].append(one.data)
    return found


def _difference(noted: list[bytes], captured: list[bytes]) -> str:
    if len(noted) != len(captured):
        return f"{len(noted)} messages or streams at the phone, {len(captured)} captured"
    number, (here, there) = next(
        (at, pair)
        for at, pair in enumerate(zip(noted, captured, strict=True))
        if len(set(pair)) > 1
    )
    octet = next(
        (at for at, pair in enumerate(zip(here, there, strict=False)) if len(set(pair)) > 1),
        min(len(here), len(there)),
    )
    return f"number {number + 1} differs from octet {octet} on"


def no_keys(keys: Collection[Key], gm: Iterable[bytes], opened: Iterable[bytes]) -> Claim:
    """Neither in clear nor inside ESP; both arguments may hold frames, packets, streams."""
    places = [("on the wire", list(gm)), ("inside ESP", list(opened))]
    faults = [
        f"{key.name} {place}"
        for key in keys
        for place, several in places
        if any(key.is_in(data) for data in several)
    ]
    return Claim(
        f"{len(keys)} keys (CK and IK of each challenge) looked for on Gm, in {len(places[0][1])} "
        f"frames and flows on the wire, {len(places[1][1])} inside ESP: seen {len(faults)} times",
        _some(keys, faults),
    )


def core_has_keys(keys: Collection[Key], core: Iterable[bytes]) -> Claim:
    """The core did hand them over, so that looking for them meant something."""
    core = list(core)
    missing = [key.name for key in keys if not any(key.is_in(data) for data in core)]
    return Claim(
        f"the same {len(keys)} keys looked for on the core link: {len(keys) - len(missing)} found",
        _some(keys, (f"{name} is not there" for name in missing)),
    )


def installed(states: Iterable[XfrmState], sas: Iterable[Sa]) -> Claim:
    """The kernel has the SAs that the phones agreed on, and no others."""
    there = {_state(one) for one in states}
    agreed = {_agreed(one) for one in sas}
    faults = [f"missing: {one}" for one in sorted(agreed - there)]
    faults += [f"not agreed: {one}" for one in sorted(there - agreed)]
    return Claim(
        f"SAs in the kernel after registration: {len(there)}, agreed by the phones: {len(agreed)}",
        _some(agreed, faults),
    )


def _state(state: XfrmState) -> str:
    return f"{state.src} -> {state.dst} spi={state.spi:#010x} {state.auth} {state.enc} {state.mode}"


def _agreed(sa: Sa) -> str:
    auth = sa.suite.auth and sa.suite.auth.kernel
    crypt = sa.suite.crypt.kernel
    return f"{sa.src.host} -> {sa.dst.host} spi={sa.spi:#010x} {auth} {crypt} transport"


def gone(where: str, states: Collection[XfrmState]) -> Claim:
    """Nothing is left of any registration."""
    return Claim(
        f"{where} after deregistration: SAs left: {len(states)}", tuple(map(_state, states))
    )


def policies_stay(
    before: list[XfrmPolicy], registered: list[XfrmPolicy], after: list[XfrmPolicy]
) -> Claim:
    """Policies belong to our ports: there before the first phone, untouched by any."""
    faults = list(_changed("registration", before, registered))
    faults += _changed("deregistration", before, after)
    faults += [
        f"no ESP demanded: {one.selector} dir {one.direction}"
        for one in before
        if (one.action, one.proto, one.mode) != ("allow", "esp", "transport")
    ]
    return Claim(
        f"policies that demand ESP at the P-CSCF before, while and after phones were registered: "
        f"{len(before)}, {len(registered)}, {len(after)}",
        _some(before, faults),
    )


def _changed(when: str, before: list[XfrmPolicy], then: list[XfrmPolicy]) -> Iterator[str]:
    for one in set(before) ^ set(then):
        change = "gone" if one in before else "new"
        yield f"{change} after {when}: {one.selector} dir {one.direction}"


def stopped(
    status: int | None, states: Collection[XfrmState], policies: Collection[XfrmPolicy]
) -> Claim:
    """SIGTERM ends it in order, and nothing of it stays in the kernel."""
    faults = [] if status == 0 else [f"exit status {status}"]
    faults += [f"left: {_state(one)}" for one in states]
    faults += [f"left: {one.selector} dir {one.direction}" for one in policies]
    return Claim(
        f"P-CSCF stopped by SIGTERM: exit status {status}, SAs left: {len(states)}, "
        f"policies left: {len(policies)}",
        tuple(faults),
    )
