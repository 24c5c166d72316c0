"""From a story and its captures to the claims."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.decode.reading import Reading, read_files
from tests.demo import proof
from tests.demo.packets import Traffic, load, read
from tests.demo.proof import Claim, Key
from tests.demo.scenario import Actor, Story
from tests.demo.wiretap import Opened, Sa, Segment, open_esp, sas_of, segments


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both links: packets, ESP opened, what was said; and what the decoder made of them."""

    story: Story
    gm: Traffic
    core: Traffic
    opened: list[Opened]
    gm_said: list[Segment]
    core_said: list[Segment]
    gm_frames: list[bytes]
    core_frames: list[bytes]
    decoded: Reading


def gather(story: Story, directory: Path) -> Evidence:
    """Read the captures of ``perform``, and open their ESP with the phones' own keys.

    The decoder is given the captures alone.
    """
    gm_frames, core_frames = load(directory / "gm.pcap"), load(directory / "core.pcap")
    gm, core = read(gm_frames), read(core_frames)
    sas = [sa for actor in story.actors for sa in agreed(story, actor)]
    opened = open_esp(gm.packets, sas)
    return Evidence(
        story,
        gm,
        core,
        opened,
        segments(gm.packets, opened),
        segments(core.packets),
        [frame for _, frame in gm_frames],
        [frame for _, frame in core_frames],
        read_files(directory / "gm.pcap", directory / "core.pcap"),
    )


def agreed(story: Story, actor: Actor, count: int | None = None) -> Iterator[Sa]:
    """The SAs of a phone's first ``count`` agreements (None: of all)."""
    for agreement in actor.phone.agreements[:count]:
        yield from sas_of(agreement, actor.phone.address, story.pcscf.host)


def claims(evidence: Evidence) -> Iterator[Claim]:
    """Everything that the demo has to prove."""
    story = evidence.story
    ports = {actor.phone.address: protected_ports(actor) for actor in story.actors}
    yield proof.completed(story.failure)
    yield proof.only_esp(evidence.gm, story.pcscf, ports)
    yield proof.all_opened(evidence.opened)
    for actor in story.actors:
        yield from _of_phone(evidence, actor)
    hosts = [actor.phone.address for actor in story.actors]
    record = [said for actor in story.actors for said in actor.record]
    yield proof.decoded(evidence.decoded, len(evidence.opened), hosts, record)
    yield proof.call_carried(story.call_id, hosts, evidence.gm_said)
    keys = [key for actor in story.actors for key in keys_of(actor)]
    yield proof.no_keys(keys, *_on_gm(evidence))
    yield proof.core_has_keys(keys, [*evidence.core_frames, *_joined(evidence.core_said)])
    if not story.failure:
        yield from _of_kernel(story)
    left = story.tables["stopped"]
    yield proof.stopped(story.status, left.states, left.policies)


def _of_phone(evidence: Evidence, actor: Actor) -> Iterator[Claim]:
    address = actor.phone.address
    mine = [one for one in evidence.opened if address in {one.outer.src, one.outer.dst}]
    said = [one for one in evidence.gm_said if address in {one.flow.src.host, one.flow.dst.host}]
    yield proof.byte_for_byte(actor.name, actor.record, said)
    if any(one.sa is not None and one.sa.suite.ealg != "null" for one in mine):
        yield proof.unreadable(actor.name, mine)


def _of_kernel(story: Story) -> Iterator[Claim]:
    before, registered, after = (
        story.tables[when] for when in ("before", "registered", "deregistered")
    )
    first = [sa for actor in story.actors for sa in agreed(story, actor, 1)]
    yield proof.installed(registered.states, first)
    yield proof.policies_stay(before.policies, registered.policies, after.policies)
    yield proof.gone("P-CSCF", after.states)
    yield proof.gone("phones", after.phones)


def protected_ports(actor: Actor) -> set[int]:
    """Every port that the phone ever had under protection."""
    return {port for one in actor.phone.agreements for port in one.own[2:]}


def keys_of(actor: Actor) -> Iterator[Key]:
    """CK and IK of each challenge that the phone took."""
    for number, run in enumerate(actor.phone.aka_runs, 1):
        yield Key(f"CK of {actor.name}, challenge {number},", run.ck)
        yield Key(f"IK of {actor.name}, challenge {number},", run.ik)


def _on_gm(evidence: Evidence) -> tuple[list[bytes], list[bytes]]:
    """All octets on the wire and in ESP; streams too, as a key may lie across two packets."""
    inner = [one.inner.octets for one in evidence.opened if one.inner is not None]
    clear = [one for one in evidence.gm_said if one.esp is None]
    protected = [one for one in evidence.gm_said if one.esp is not None]
    return [*evidence.gm_frames, *_joined(clear)], [*inner, *_joined(protected)]


def _joined(said: Iterable[Segment]) -> list[bytes]:
    return [b"".join(pieces) for pieces in proof.by_flow(said).values()]
