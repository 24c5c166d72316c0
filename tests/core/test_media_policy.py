"""The media policy: what leaves an SDP under it, and what stays byte for byte."""

import random
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.core import media_policy
from pcscf.core.media_policy import OFF, Codec, MediaPolicy
from pcscf.sip.message import Message, new_request, parse
from tests.sip.mutations import mutated

HEAD = b"v=0\r\no=- 7 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
AUDIO = b"""m=audio 49120 RTP/AVP 98 97 18 101 100
b=AS:49
a=rtpmap:98 AMR-WB/16000/1
a=fmtp:98 mode-change-capability=2;max-red=220
a=rtpmap:97 amr/8000/1
a=fmtp:97 mode-set=0,2,4,7
a=rtcp-fb:97 ccm x
a=rtcp-fb:* ccm y
a=fmtp:18 annexb=no
a=rtpmap:101 telephone-event/16000
a=fmtp:101 0-15
a=rtpmap:100 telephone-event/8000
a=fmtp:100 0-15
a=ptime:20
a=maxptime:240
a=curr:qos local none
""".replace(b"\n", b"\r\n")
VIDEO = b"""m=video 49130 RTP/AVPF 99 96 100 31 102 103
a=rtpmap:99 H265/90000
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=42C00C; packetization-mode=1
a=imageattr:96 send [x=240,y=320]
a=rtcp-fb:96 nack pli
a=rtpmap:100 rtx/90000
a=fmtp:100 rtx-time=3000; APT=96
a=rtpmap:102 red/90000
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
""".replace(b"\n", b"\r\n")
OFFER = HEAD + AUDIO + VIDEO


def remove(*names: str) -> MediaPolicy:
    return MediaPolicy(remove=codecs(names))


def keep(*names: str) -> MediaPolicy:
    return MediaPolicy(keep=codecs(names))


def codecs(names: tuple[str, ...]) -> frozenset[Codec]:
    """Of names as in the settings, in lower case."""
    pairs = (name.rpartition("/") for name in names)
    return frozenset(Codec(name, media) for media, _, name in pairs)


def carrying(body: bytes, content_type: str = "application/sdp") -> Message:
    headers = [("content-type", content_type)]
    return new_request("INVITE", "sip:b@example.org", headers, body)


def edited(policy: MediaPolicy, body: bytes, content_type: str = "application/sdp") -> bytes:
    """Give the body that leaves; whether it changed is what ``apply`` says."""
    message = carrying(body, content_type)
    assert media_policy.apply(policy, message) == (message.body != body)
    return message.body


def without(body: bytes, *starts: bytes) -> bytes:
    """Take out the lines that start so."""
    return b"".join(line for line in body.splitlines(keepends=True) if not line.startswith(starts))


def stream(formats: str, *attributes: str, first: str = "audio 4000 RTP/AVP") -> bytes:
    lines = [f"m={first} {formats}", *(f"a={text}" for text in attributes)]
    return HEAD + "".join(f"{line}\r\n" for line in lines).encode()


def formats_of(body: bytes) -> list[str]:
    """Give what the m= lines list."""
    lines = body.decode().splitlines()
    return [" ".join(line.split(" ")[3:]) for line in lines if line.startswith("m=")]


# codecs


def test_a_codec_goes_with_its_lines_and_its_events() -> None:
    expected = without(
        OFFER.replace(b"98 97 18 101 100", b"97 18 100"),
        b"a=rtpmap:98 ", b"a=fmtp:98 ", b"a=rtpmap:101 ", b"a=fmtp:101 ",
    )  # fmt: skip
    assert edited(remove("amr-wb"), OFFER) == expected


def test_events_stay_while_another_codec_has_their_clock_rate() -> None:
    expected = without(
        OFFER.replace(b"98 97 18", b"98 18"), b"a=rtpmap:97 ", b"a=fmtp:97 ", b"a=rtcp-fb:97 "
    )
    assert edited(remove("amr"), OFFER) == expected


def test_events_of_a_rate_that_never_had_a_codec_stay() -> None:
    body = stream("98 18 100", "rtpmap:98 AMR-WB/16000", "rtpmap:100 telephone-event/32000")
    assert formats_of(edited(remove("g729"), body)) == ["98 100"]


def test_events_go_when_told() -> None:
    assert formats_of(edited(remove("telephone-event"), OFFER))[0] == "98 97 18"


@pytest.mark.parametrize("name", ["g729", "18", "audio/g729", "audio/18"])
def test_a_static_payload_type_has_its_name_without_rtpmap(name: str) -> None:
    expected = without(OFFER.replace(b"97 18 101", b"97 101"), b"a=fmtp:18 ")
    assert edited(remove(name), OFFER) == expected


@pytest.mark.parametrize(
    ("payload", "name"),
    [("0", "pcmu"), ("3", "gsm"), ("4", "g723"), ("8", "pcma"), ("9", "g722"), ("34", "h263")],
)
def test_static_names(payload: str, name: str) -> None:
    body = stream(f"96 {payload}", "rtpmap:96 opus/48000/2")
    assert formats_of(edited(remove(name), body)) == ["96"]


def test_an_rtpmap_wins_over_the_static_name() -> None:
    body = stream("0 18", "rtpmap:18 opus/48000/2")
    assert edited(remove("g729"), body) == body
    assert formats_of(edited(remove("opus"), body)) == ["0"]


def test_of_two_rtpmaps_the_first_counts_and_both_go() -> None:
    body = stream("96 0", "rtpmap:96 AMR/8000", "rtpmap:96 EVS/16000")
    assert edited(remove("evs"), body) == body
    assert edited(remove("amr"), body) == stream("0")


@pytest.mark.parametrize("name", ["video/amr", "text/18", "am", "amr-w", "128", ""])
def test_other_media_and_names_are_not_meant(name: str) -> None:
    assert edited(remove(name), OFFER) == OFFER


def test_kept_codecs_keep_what_serves_them() -> None:
    expected = without(
        OFFER.replace(b"98 97 18 101 100", b"98 101"),
        b"a=rtpmap:97", b"a=fmtp:97", b"a=rtcp-fb:97", b"a=fmtp:18", b"a=rtpmap:100 tele",
        b"a=fmtp:100 0-15",
    )  # fmt: skip
    assert edited(keep("audio/amr-wb"), OFFER) == expected


def test_keeping_limits_only_the_media_that_is_named() -> None:
    assert formats_of(edited(keep("audio/amr"), OFFER)) == ["97 100", "99 96 100 31 102 103"]
    assert formats_of(edited(keep("amr", "h264"), OFFER)) == ["97 100", "96 100 102 103"]


def test_keeping_drops_payloads_without_a_name() -> None:
    assert formats_of(edited(keep("pcmu"), stream("0 96 200 x"))) == ["0"]


def test_what_is_kept_and_removed_is_removed() -> None:
    policy = MediaPolicy(keep=codecs(("amr", "amr-wb")), remove=codecs(("audio/amr",)))
    assert formats_of(edited(policy, OFFER))[0] == "98 101"


def test_rtx_goes_with_what_it_resends() -> None:
    expected = without(
        OFFER.replace(b"99 96 100 31 102 103", b"99 31 102 103"),
        b"a=rtpmap:96", b"a=fmtp:96", b"a=imageattr:96", b"a=rtcp-fb:96", b"a=rtpmap:100 rtx",
        b"a=fmtp:100 rtx",
    )  # fmt: skip
    assert edited(remove("h264"), OFFER) == expected
    assert formats_of(edited(remove("red"), OFFER))[1] == "99 96 100 31"
    assert formats_of(edited(remove("rtx"), OFFER))[1] == "99 96 31 102"


def test_red_goes_with_any_payload_that_it_repeats() -> None:
    body = stream(
        "64 63 111 0",
        "rtpmap:64 rtx/48000", "fmtp:64 apt=63", "rtpmap:63 red/48000/2", "fmtp:63 111/0",
        "rtpmap:111 opus/48000/2",
    )  # fmt: skip
    assert edited(remove("pcmu"), body) == stream("111", "rtpmap:111 opus/48000/2")
    assert edited(remove("g729"), body) == body


def test_comfort_noise_goes_with_the_last_codec_of_its_rate() -> None:
    body = stream("0 8 9 13 96 97", "rtpmap:96 opus/48000/2", "rtpmap:97 CN/48000")
    assert formats_of(edited(remove("opus"), body)) == ["0 8 9 13"]
    assert formats_of(edited(remove("pcmu", "pcma", "g722"), body)) == ["96 97"]


# what may not happen


@pytest.mark.parametrize(
    "policy", [keep("opus"), remove("amr", "amr-wb", "g729"), remove("98", "97", "18", "101")]
)
def test_a_stream_is_not_left_without_a_codec(policy: MediaPolicy) -> None:
    counts = Counter[str]()
    message = carrying(HEAD + AUDIO)
    assert not media_policy.apply(policy, message, lambda what: counts.update([what]))
    assert message.body == HEAD + AUDIO
    assert counts == {"media_left_whole": 1}


def test_events_alone_are_no_stream() -> None:
    body = stream("98 100", "rtpmap:98 AMR-WB/16000", "rtpmap:100 telephone-event/8000")
    assert edited(remove("amr-wb"), body) == body


def test_a_stream_that_the_policy_does_not_mean_is_not_counted() -> None:
    counts = Counter[str]()
    media_policy.apply(keep("audio/amr"), carrying(OFFER), lambda what: counts.update([what]))
    assert counts == {"media_edited": 1}


def test_the_other_streams_are_edited_all_the_same() -> None:
    counts = Counter[str]()
    message = carrying(OFFER)
    policy = MediaPolicy(keep=codecs(("h264",)))
    assert media_policy.apply(policy, message, lambda what: counts.update([what]))
    assert formats_of(message.body) == ["98 97 18 101 100", "96 100 102 103"]
    assert counts == {"media_left_whole": 1, "media_edited": 1}


@pytest.mark.parametrize(
    "first",
    [
        "image 4000 udptl",
        "message 4000 TCP/MSRP",
        "application 4000 UDP/DTLS/SCTP",
        "application 4000 RTP/AVP",
        "image 4000 RTP/AVP",
        "audio 4000 udp",
        "audio 4000 RTP/AVPX",
        "audio 0 RTP/AVP",
    ],
)
def test_streams_of_other_kinds_are_left_alone(first: str) -> None:
    body = stream("0 18", "rtpmap:0 PCMU/8000", "ptime:60", first=first)
    policy = MediaPolicy(codecs(("pcmu", "0")), max_ptime=20, max_maxptime=20)
    assert edited(policy, body) == body


@pytest.mark.parametrize("prefix", ["", "UDP/TLS/"])
@pytest.mark.parametrize("profile", ["RTP/AVP", "rtp/avp", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"])
def test_rtp_of_any_profile_is_edited(prefix: str, profile: str) -> None:
    body = stream("18 0", first=f"audio 40 {prefix}{profile}")
    secure = "SAVP" in profile  # there is no plain RTP over DTLS
    assert formats_of(edited(remove("pcmu"), body)) == ["18" if secure or not prefix else "18 0"]


def test_an_answer_to_an_edited_offer_stays_as_it_is() -> None:
    policy = MediaPolicy(codecs(("amr-wb",)), codecs(("audio/amr",)), 40, 80)
    answer = stream("97 100", "rtpmap:97 AMR/8000", "rtpmap:100 telephone-event/8000", "ptime:20")
    assert edited(policy, answer) == answer


# packet times


@pytest.mark.parametrize(
    ("caps", "before", "after"),
    [
        ((20, 0), "ptime:40", "ptime:20"),
        ((20, 0), "ptime:20", "ptime:20"),
        ((20, 0), "ptime:20.5 ", "ptime:20"),
        ((20, 0), "ptime:" + "9" * 400, "ptime:20"),
        ((20, 0), "maxptime:40", "maxptime:40"),
        ((0, 40), "maxptime:240", "maxptime:40"),
        ((0, 40), "maxptime:20", "maxptime:20"),
        ((0, 40), "ptime:60", "ptime:40"),
        ((20, 40), "ptime:60", "ptime:20"),
        ((40, 0), "ptime:ab", "ptime:ab"),
        ((40, 0), "ptime:-50", "ptime:-50"),
        ((40, 0), "ptime:٦٠", "ptime:٦٠"),
        ((40, 0), "ptime", "ptime"),
        ((40, 0), "PTIME:60", "PTIME:60"),
        ((40, 0), "minptime:60", "minptime:60"),
    ],
)
def test_packet_times_are_capped(caps: tuple[int, int], before: str, after: str) -> None:
    policy = MediaPolicy(max_ptime=caps[0], max_maxptime=caps[1])
    assert edited(policy, stream("0", before)) == stream("0", after)
    assert edited(policy, HEAD + f"a={before}\n".encode()) == HEAD + f"a={after}\n".encode()


@pytest.mark.parametrize(
    ("maxptime", "ptime"), [("30", "30"), ("12.5", "12.5"), ("60", "40"), ("0", "40"), ("x", "40")]
)
def test_a_lowered_ptime_is_not_above_maxptime(maxptime: str, ptime: str) -> None:
    body = stream("0", "ptime:60", f"maxptime:{maxptime}", "maxptime:100")
    expected = stream("0", f"ptime:{ptime}", f"maxptime:{maxptime}", "maxptime:100")
    assert edited(MediaPolicy(max_ptime=40), body) == expected


# where SDP is


def test_the_message_says_its_new_length() -> None:
    message = carrying(OFFER)
    assert media_policy.apply(remove("amr"), message)
    assert message.get("content-length") == str(len(message.body))
    assert parse(message.to_bytes()).body == message.body


@pytest.mark.parametrize("content_type", ["Application/SDP", "application/sdp ;charset=utf-8"])
def test_the_type_has_no_case_and_may_have_parameters(content_type: str) -> None:
    assert edited(remove("amr"), OFFER, content_type) != OFFER


@pytest.mark.parametrize("content_type", ["application/sdpx", "text/plain", "multipart/signed"])
def test_other_types_are_left_alone(content_type: str) -> None:
    assert edited(remove("amr"), OFFER, content_type) == OFFER


@pytest.mark.parametrize(("coding", "changes"), [("gzip", False), ("Identity", True)])
def test_an_encoded_body_is_left_alone(coding: str, changes: bool) -> None:
    message = carrying(OFFER)
    message.append("content-encoding", coding)
    assert media_policy.apply(remove("amr"), message) is changes


def test_a_body_without_a_type_and_no_body_are_left_alone() -> None:
    message = carrying(OFFER)
    message.remove("content-type")
    assert not media_policy.apply(remove("amr"), message)
    assert not media_policy.apply(remove("amr"), carrying(b""))


MIXED = 'multipart/mixed; boundary="=_a:1"'
GEO = b"\r\n--=_a:1 \r\nContent-Type: application/pidf+xml\r\n\r\n<a>m=audio 1 RTP/AVP 97</a>"


def mixed(sdp: bytes, length: int, headers: bytes = b"") -> bytes:
    return (
        b"a preamble\r\n--=_a:1x\r\n--=_a:1\r\nc : Application/SDP\r\nContent-Length:%d\r\n%s\r\n%s"
        % (length, headers, sdp)
        + GEO
        + b"\r\n--=_a:1--\r\nm=audio 1 RTP/AVP 97\r\n--=_a:1"
    )


def test_of_a_multipart_only_the_sdp_is_edited() -> None:
    after = edited(remove("amr"), OFFER)
    assert edited(remove("amr"), mixed(OFFER, 900), MIXED) == mixed(after, len(after)).replace(
        b"Length:", b"Length: "
    )
    assert edited(remove("opus"), mixed(OFFER, 900), MIXED) == mixed(OFFER, 900)


def test_a_part_gets_no_length_that_it_had_not() -> None:
    part = b"--b\r\nContent-Type: application/sdp\r\n\r\n%s\r\n--b--"
    body = part % stream("0 18", "fmtp:18 annexb=no").removesuffix(b"\r\n")
    assert edited(remove("g729"), body, "multipart/mixed;boundary=b") == part % stream("0")


@pytest.mark.parametrize("coding", [b"base64", b"quoted-printable"])
def test_an_encoded_part_is_left_alone(coding: bytes) -> None:
    body = mixed(OFFER, 900, b"Content-Transfer-Encoding: %s\r\n" % coding)
    assert edited(remove("amr"), body, MIXED) == body
    plain = body.replace(coding, b"8BIT")
    assert edited(remove("amr"), plain, MIXED) != plain


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<xml/>", "application/sdp"),
        (b"v=0\n" + b"a=x\n" * 3000, "application/sdp"),
        (mixed(OFFER, 900), "multipart/mixed"),
        (b"--b\r\nno colon\r\n\r\nv=0\r\n--b--", "multipart/mixed;boundary=b"),
        (b"--b\r\nc: application/sdp\r\n\r\nx\r\n--b--", "multipart/mixed;boundary=b"),
    ],
)
def test_what_cannot_be_read_passes_and_is_counted(body: bytes, content_type: str) -> None:
    counts = Counter[str]()
    message = carrying(body, content_type)
    assert not media_policy.apply(remove("amr"), message, lambda what: counts.update([what]))
    assert message.body == body
    assert counts == {"media_unreadable": 1}


# off


def test_without_a_policy_nothing_is_looked_at() -> None:
    """Not even a body that could not be read, which is counted otherwise."""
    broken = new_request("INVITE", "sip:b@x", [("content-type", "application/sdp")], b"not sdp")
    counted: list[str] = []
    assert not OFF.active
    assert not media_policy.apply(OFF, broken, counted.append)
    assert counted == []
    assert not media_policy.apply(MediaPolicy(max_ptime=1), broken, counted.append)
    assert counted == ["media_unreadable"]


@pytest.mark.parametrize(
    "policy", [remove("amr"), keep("amr"), MediaPolicy(max_ptime=1), MediaPolicy(max_maxptime=1)]
)
def test_each_setting_makes_a_policy_active(policy: MediaPolicy) -> None:
    assert policy.active


# any SDP, any policy

names = st.sampled_from(["AMR", "amr-wb", "telephone-event", "red", "rtx", "CN", "opus", "H264"])
payloads = st.sampled_from(["0", "8", "13", "18", "96", "97", "98", "99", "128", "300", "*"])
numbers = st.sampled_from(["8000", "16000", "90000", "x", ""])
attribute_lines = st.one_of(
    st.builds("a=rtpmap:{} {}/{}".format, payloads, names, numbers),
    st.builds("a=fmtp:{} apt={}".format, payloads, payloads),
    st.builds("a=fmtp:{} {}/{}".format, payloads, payloads, payloads),
    st.builds("a=rtcp-fb:{} nack".format, payloads),
    st.builds("a={}:{}".format, st.sampled_from(["ptime", "maxptime"]), st.integers(0, 99)),
    st.builds("a={}".format, st.text("a:= 0", max_size=9)),
    st.sampled_from(["b=AS:49", "", "\r", "junk", "a=sendrecv"]),
)
media_lines = st.builds(
    "m={} {} {} {}".format,
    st.sampled_from(["audio", "video", "text", "image", "application"]),
    st.sampled_from(["4000", "0"]),
    st.sampled_from(["RTP/AVP", "RTP/SAVPF", "udptl"]),
    st.lists(payloads, max_size=8).map(" ".join),
)
descriptions = st.lists(
    st.tuples(media_lines | attribute_lines | attribute_lines, st.sampled_from(["\r\n", "\n"])),
    max_size=25,
).map(lambda parts: b"v=0\r\n" + "".join(text + end for text, end in parts).encode())
some_codecs = st.frozensets(
    st.builds(
        Codec,
        names.map(str.lower) | payloads | st.just("pcmu"),
        st.sampled_from(["", "audio", "video"]),
    ),
    max_size=4,
)
caps = st.sampled_from([0, 0, 20, 40])
policies = st.builds(MediaPolicy, some_codecs, some_codecs, caps, caps)


@given(policies, descriptions)
def test_a_second_time_changes_nothing(policy: MediaPolicy, body: bytes) -> None:
    once = edited(policy, body)
    assert edited(policy, once) == once


@given(policies, descriptions)
def test_lines_that_are_not_concerned_keep_bytes_and_order(
    policy: MediaPolicy, body: bytes
) -> None:
    def unconcerned(text: bytes) -> list[bytes]:
        names = (b"m=", b"a=rtpmap:", b"a=fmtp:", b"a=rtcp-fb:", b"a=ptime:", b"a=maxptime:")
        return [line for line in text.split(b"\n") if not line.startswith(names)]

    assert unconcerned(edited(policy, body)) == unconcerned(body)


@given(policies, descriptions)
def test_no_stream_ends_empty_or_in_another_order(policy: MediaPolicy, body: bytes) -> None:
    before, after = formats_of(body), formats_of(edited(policy, body))
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        rest = iter(old.split(" "))
        assert all(payload in rest for payload in new.split(" "))
        assert bool(new.strip()) == bool(old.strip())


@given(policies, descriptions)
def test_no_line_of_a_payload_that_went_stays(policy: MediaPolicy, body: bytes) -> None:
    starts = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")
    sections = zip(_sections(body), _sections(edited(policy, body)), strict=True)
    for (old_m, *_), (new_m, *new_lines) in sections:
        gone = set(old_m.split(" ")[3:]) - set(new_m.split(" ")[3:])
        assert not any(line.startswith(starts) and _first(line) in gone for line in new_lines)


def _sections(body: bytes) -> list[list[str]]:
    return [part.split("\n") for part in body.decode().replace("\r", "").split("\nm=")[1:]]


def _first(line: str) -> str:
    return line.partition(":")[2].split(" ")[0]


# torture

HOSTILE = [
    HEAD + b"m=audio 1 RTP/AVP 0 97\r\n" * 2000,
    HEAD + b"m=audio 1 RTP/AVP" + b" 97" * 18_000,
    HEAD + b"m=audio 1 RTP/AVP 97 0\r\na=" + b"x" * 57_000,
    HEAD + b"m=audio 1 RTP/AVP 97 0\r\n" + b"a=rtpmap:97 AMR/8000\r\n" * 2000,
    HEAD + b"m=audio 1 RTP/AVP 97 63 0\r\na=rtpmap:63 red/8000\r\na=fmtp:63 " + b"97/" * 18_000,
    HEAD + b"m=audio 1 RTP/AVP 97 63 0\r\na=rtpmap:63 rtx/8000\r\na=fmtp:63 " + b"apt=" * 14_000,
    HEAD + b"m=audio 1 RTP/AVP 97 0\r\na=ptime:" + b"9" * 57_000,
    HEAD + b"m=" + b" " * 57_000,
    b"v=0" + b"\n" * 57_000,
    b"v=0\n" + b"m=\n" * 2000,
]


@pytest.mark.parametrize("body", HOSTILE)
def test_hostile_sdp_costs_little(body: bytes) -> None:
    policy = MediaPolicy(codecs(("amr",)), codecs(("audio/pcmu", "h264")), 20, 40)
    assert _seconds(policy, carrying(body)) < 0.2


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\n" + b"\r\n--b" * 9000,
        b"--b\r\n" + b"\r\n\r\n\r\n--b" * 5000,
        b"\r\n--b" + b" " * 57_000,
        b"\r\n--b \t" * 7000,
        b"--b\r\n" + b"a:\r\n" * 14_000 + b"\r\n\r\n--b",
        b"--b\r\n" + b"c: application/sdp\r\n\r\nv=0\r\n--b\r\n" * 1500,
    ],
)
def test_hostile_multiparts_cost_little(body: bytes) -> None:
    assert _seconds(remove("amr"), carrying(body, "multipart/mixed;boundary=b")) < 0.2


def _seconds(policy: MediaPolicy, message: Message) -> float:
    start = time.process_time()
    media_policy.apply(policy, message)
    return time.process_time() - start


def test_more_formats_than_payload_types_are_left_alone() -> None:
    assert edited(remove("g729"), stream("0 " * 127 + "18")) == stream(("0 " * 127).strip())
    more = stream("0 " * 128 + "18")
    assert edited(remove("g729"), more) == more


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_stay_also_without_a_last_one(end: bytes) -> None:
    body = (HEAD + AUDIO).replace(b"\r\n", end).removesuffix(end)
    crlf = edited(remove("amr-wb"), HEAD + AUDIO)
    assert edited(remove("amr-wb"), body) == crlf.replace(b"\r\n", end).removesuffix(end)
    last = stream("0 18", "fmtp:18 annexb=no").replace(b"\r\n", end).removesuffix(end)
    assert edited(remove("g729"), last) == stream("0").replace(b"\r\n", end)


@pytest.mark.parametrize(
    ("body", "content_type"), [(OFFER, "application/sdp"), (mixed(OFFER, 900), MIXED)]
)
def test_broken_bodies_do_no_harm(body: bytes, content_type: str) -> None:
    source = random.Random(1)
    policy = MediaPolicy(codecs(("amr", "h264")), codecs(("audio/amr-wb", "18")), 10, 40)
    for _ in range(300):
        broken = mutated(source, body)
        once = edited(policy, broken, content_type)
        assert edited(policy, once, content_type) == once
