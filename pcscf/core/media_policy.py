"""The operator's media policy: codecs taken out of SDP, packet times capped.

Only RTP streams are edited, and in them only the m= line, the attributes of payloads that
go, ptime and maxptime. Everything else leaves byte for byte as it came, and what cannot be
read passes unchanged: this is policy, not protection.

Payloads that only serve a codec are not limited by what is kept. They go when told, or with
what they serve: RTX with its ``apt``, RED with any payload that it repeats (it could not be
sent as described), the others, telephone-event among them, with the last codec of their
clock rate, as they share the codec's timestamps (RFC 4733 2).

A stream is left as it was if no codec would remain. Port 0 would be legal, but it silently
takes the stream from both sides (RFC 3264 8.2). The same holds for an answer: of the codecs
that it accepts it keeps one at least, and a part of what was accepted is an answer too (6.1).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from pcscf.errors import ParseError
from pcscf.sip.message import Message
from pcscf.sip.multipart import cut, media_type, read_part
from pcscf.sip.sdp import Attribute, Media, Sdp

MEDIA: Final = ("audio", "video", "text")
LAST_PAYLOAD: Final = 127  # RFC 3550 5.1: seven bits

_RTP: Final = frozenset(
    {"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"}
)


class _Encoding(NamedTuple):
    """What a payload type means: the name in lower case and the clock rate as in rtpmap."""

    name: str = ""
    rate: str = ""


# RFC 3551 table 4 and 5: what a payload type means without an rtpmap
_STATIC: Final = {
    "0": _Encoding("pcmu", "8000"),
    "3": _Encoding("gsm", "8000"),
    "4": _Encoding("g723", "8000"),
    "5": _Encoding("dvi4", "8000"),
    "6": _Encoding("dvi4", "16000"),
    "7": _Encoding("lpc", "8000"),
    "8": _Encoding("pcma", "8000"),
    "9": _Encoding("g722", "8000"),
    "10": _Encoding("l16", "44100"),
    "11": _Encoding("l16", "44100"),
    "12": _Encoding("qcelp", "8000"),
    "13": _Encoding("cn", "8000"),
    "14": _Encoding("mpa", "90000"),
    "15": _Encoding("g728", "8000"),
    "16": _Encoding("dvi4", "11025"),
    "17": _Encoding("dvi4", "22050"),
    "18": _Encoding("g729", "8000"),
    "25": _Encoding("celb", "90000"),
    "26": _Encoding("jpeg", "90000"),
    "28": _Encoding("nv", "90000"),
    "31": _Encoding("h261", "90000"),
    "32": _Encoding("mpv", "90000"),
    "33": _Encoding("mp2t", "90000"),
    "34": _Encoding("h263", "90000"),
}
_UNKNOWN: Final = _Encoding()

# RFC 4733, 3389, 2198, 4588, 5109, 3009, 6015, 8627
_SERVING: Final = frozenset(
    {"telephone-event", "tone", "cn", "red", "rtx", "ulpfec", "parityfec"}
    | {"1d-interleaved-parityfec", "flexfec", "flexfec-03"}
)
# RED may repeat what serves a codec, RTX may resend RED: each is looked at behind those.
_RANK: Final = {"red": 1, "rtx": 2}

# Attributes that start with a payload type: RFC 8866, 4585, 6236, TS 26.234, TS 26.114
_OF_PAYLOAD: Final = frozenset({"rtpmap", "fmtp", "rtcp-fb", "imageattr", "framesize", "bw-info"})

_APT = re.compile(r"(?:^|[; ])apt=([0-9]++)", re.IGNORECASE)  # RFC 4588 8
_RED = re.compile(r"[0-9/]++")  # RFC 2198 5: payload types with "/" between
_TIME = re.compile(r"[0-9]++(?:\.[0-9]++)?")  # RFC 8866 6.4: non-zero-int-or-real

_PLAIN: Final = frozenset({"7bit", "8bit", "binary", "identity"})

Count = Callable[[str], object]


class Codec(NamedTuple):
    """What the operator names: an encoding name in lower case, or a payload type in digits.

    ``media`` is one of ``MEDIA``, or empty for all of them.
    """

    name: str
    media: str = ""


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """What may be in SDP. Nothing is edited by default.

    ``keep`` limits those media types that one of its entries means; what is both kept and
    removed is removed. The times are in milliseconds, 0 for no cap.
    """

    remove: frozenset[Codec] = frozenset()
    keep: frozenset[Codec] = frozenset()
    max_ptime: int = 0
    max_maxptime: int = 0

    @property
    def active(self) -> bool:
        """Say whether there is anything to do at all."""
        return bool(self.remove or self.keep or self.max_ptime or self.max_maxptime)

    @property
    def longest(self) -> int:
        """The cap on ptime: no packet time is longer than the longest allowed one. 0: none."""
        return min(filter(None, (self.max_ptime, self.max_maxptime)), default=0)

    def refuses(self, media: str, payload: str, name: str) -> bool:
        """Say whether a payload of a stream is to go by itself, whatever else goes."""
        spellings = {Codec(payload), Codec(name), Codec(payload, media), Codec(name, media)}
        if not self.remove.isdisjoint(spellings):
            return True
        limited = any(codec.media in {"", media} for codec in self.keep)
        return limited and name not in _SERVING and self.keep.isdisjoint(spellings)


OFF: Final = MediaPolicy()


def _no_count(_what: str) -> None:
    pass


def apply(policy: MediaPolicy, message: Message, count: Count = _no_count) -> bool:
    """Edit the SDP of a message, offer or answer; say whether something changed.

    SDP is the body, or parts of a multipart/mixed body. ``count`` is told, by a fixed word
    each: ``media_edited`` once a message, ``media_left_whole`` for a stream that no codec
    would have been left in, ``media_unreadable`` for what could not be read.
    """
    if not policy.active or not message.body:
        return False
    body = _edited(policy, message, count)
    if body == message.body:
        return False
    message.body = body
    count("media_edited")
    return True


# The body and its parts


def _edited(policy: MediaPolicy, message: Message, count: Count) -> bytes:
    content_type = message.get("content-type") or ""
    kind = media_type(content_type)
    try:
        if kind == "application/sdp":
            return _edited_sdp(policy, message, count)
        if kind == "multipart/mixed":
            pieces = cut(message.body, content_type)
            pieces[1::2] = [_edited_part(policy, piece, count) for piece in pieces[1::2]]
            return b"".join(pieces)
    except ParseError:
        count("media_unreadable")
    return message.body


def _edited_part(policy: MediaPolicy, piece: bytes, count: Count) -> bytes:
    try:
        part = read_part(piece)
        if media_type(part.get("content-type") or "") != "application/sdp":
            return piece
        body = _edited_sdp(policy, part, count)
    except ParseError:
        count("media_unreadable")
        return piece
    if body == part.body:
        return piece
    # A part has no need of a Content-Length; one that it has must be right.
    has_length = "content-length" in part
    part.body = body
    if not has_length:
        part.remove("content-length")
    return part.to_bytes()


def _edited_sdp(policy: MediaPolicy, entity: Message, count: Count) -> bytes:
    codings = entity.values("content-encoding") + entity.values("content-transfer-encoding")
    if not _PLAIN.issuperset(map(str.lower, codings)):
        return entity.body
    sdp = Sdp.parse(entity.body)
    changed = _cap_times(policy, sdp, sdp.session)
    for section in sdp.media:
        if _is_live_rtp(section):
            changed |= _drop_codecs(policy, sdp, section, count)
            changed |= _cap_times(policy, sdp, section.attributes)
    return sdp.to_bytes() if changed else entity.body


def _is_live_rtp(section: Media) -> bool:
    """Say whether a section is ours to edit; with port 0 its formats mean nothing (RFC 3264 6)."""
    return (
        section.proto.upper() in _RTP
        and section.media in MEDIA
        and section.port != "0"
        and len(section.formats) <= LAST_PAYLOAD + 1
    )


# Codecs


def _drop_codecs(policy: MediaPolicy, sdp: Sdp, section: Media, count: Count) -> bool:
    if not (policy.remove or policy.keep):
        return False
    encodings = _encodings(section)
    going = {f for f, known in encodings.items() if policy.refuses(section.media, f, known.name)}
    if not going:
        return False
    going = _with_dependants(section, encodings, going)
    if all(f in going or known.name in _SERVING for f, known in encodings.items()):
        count("media_left_whole")
        return False
    sdp.replace(section.place, section.line_without(going))
    for attribute in section.attributes:
        if attribute.name in _OF_PAYLOAD and _payload_of(attribute)[0] in going:
            sdp.remove(attribute.place)
    return True


def _encodings(section: Media) -> dict[str, _Encoding]:
    """Give what each format of the m= line means; of two rtpmaps the first counts."""
    encodings: dict[str, _Encoding] = {}
    for attribute in section.attributes:
        if attribute.name == "rtpmap":
            payload, text = _payload_of(attribute)
            name, rate = (*text.lower().split("/"), "")[:2]
            encodings.setdefault(payload, _Encoding(name.strip(), rate.strip()))
    return {f: encodings.get(f) or _STATIC.get(f, _UNKNOWN) for f in section.formats}


def _with_dependants(section: Media, encodings: dict[str, _Encoding], going: set[str]) -> set[str]:
    """Add the serving payloads that have nothing left to serve once ``going`` has gone."""
    codecs = {f: known for f, known in encodings.items() if known.name not in _SERVING}
    lost = {known.rate for f, known in codecs.items() if f in going}
    lost -= {known.rate for f, known in codecs.items() if f not in going}
    parameters = dict(_payload_of(a) for a in section.attributes if a.name == "fmtp")
    gone = set(going)
    for payload in sorted(encodings.keys() - codecs.keys(), key=lambda f: _rank(encodings[f])):
        name, rate = encodings[payload]
        served = _served(name, parameters.get(payload, ""))
        if rate in lost or not gone.isdisjoint(served):
            gone.add(payload)
    return gone


def _rank(encoding: _Encoding) -> int:
    return _RANK.get(encoding.name, 0)


def _served(name: str, parameters: str) -> list[str]:
    """Give the payload types that an RTX or RED payload says it carries."""
    if name == "rtx":
        return _APT.findall(parameters)
    if name == "red" and _RED.fullmatch(parameters):
        return parameters.split("/")
    return []


def _payload_of(attribute: Attribute) -> tuple[str, str]:
    """Cut ``<payload type> <rest>``."""
    payload, _, rest = attribute.value.strip(" ").partition(" ")
    return payload, rest.strip(" ")


# Packet times


def _cap_times(policy: MediaPolicy, sdp: Sdp, attributes: Iterable[Attribute]) -> bool:
    """Lower ptime and maxptime to their caps; a ptime that is lowered ends below maxptime too.

    Both belong to a stream; phones that write them above all streams mean each one.
    """
    longest = policy.longest
    if not longest:
        return False
    changed = False
    ceiling = str(longest)
    for place, value in _times(attributes, "maxptime"):
        if policy.max_maxptime and float(value) > policy.max_maxptime:
            sdp.replace(place, f"a=maxptime:{policy.max_maxptime}")
            changed = True
        ceiling = min(ceiling, value, key=float)
    for place, value in _times(attributes, "ptime"):
        if float(value) > longest:
            sdp.replace(place, f"a=ptime:{ceiling}")
            changed = True
    return changed


def _times(attributes: Iterable[Attribute], name: str) -> list[tuple[int, str]]:
    """Give place and value of the attributes of that name that hold a time in milliseconds."""
    texts = [(a.place, a.value.strip(" ")) for a in attributes if a.name == name]
    return [(place, text) for place, text in texts if _TIME.fullmatch(text) and float(text)]
