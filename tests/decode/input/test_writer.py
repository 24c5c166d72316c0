import io

from pcscf.decode.input.ip import read_ip
from pcscf.decode.input.octets import Octets
from pcscf.decode.input.pcapng import PcapngReader
from pcscf.decode.input.reader import Secret
from pcscf.decode.input.writer import PcapngWriter
from pcscf.decode.model import Frame, Packet
from tests.decode.files import option
from tests.decode.wires import ESP, UDP, ethernet, ipv4, udp

TIME = 1_700_000_000_123_456_789


def read(out: io.BytesIO) -> PcapngReader:
    return PcapngReader(Octets(io.BytesIO(out.getvalue())))


def packet(octets: bytes) -> Packet:
    read = read_ip(3, TIME, octets)
    assert isinstance(read, Packet)
    return read


def test_frames_are_read_as_they_were_written() -> None:
    frames = [
        Frame(1, TIME, 1, ethernet(ipv4(b"data"))),
        Frame(2, TIME + 1, 113, b"odd"),
        Frame(3, TIME + 2, 1, b"", 60),
        Frame(4, 0, 113, b"four"),
    ]
    out = io.BytesIO()
    writer = PcapngWriter(out)
    for frame in frames:
        writer.write_frame(frame)
    reader = read(out)
    assert list(reader.frames()) == frames
    assert reader.notes == []


def test_packets_are_written_as_raw_ip() -> None:
    out = io.BytesIO()
    inner = packet(ipv4(bytes(100), ESP))._replace(protocol=UDP, payload=udp(b"OPTIONS"))
    PcapngWriter(out).write_packet(inner)
    (frame,) = read(out).frames()
    assert (frame.link, frame.time) == (101, TIME)
    again = packet(frame.data)
    assert (again.protocol, again.payload) == (UDP, udp(b"OPTIONS"))


def test_what_is_missing_is_still_missing() -> None:
    out = io.BytesIO()
    PcapngWriter(out).write_packet(packet(ipv4(bytes(100))[:-30]))
    (frame,) = read(out).frames()
    assert frame.missing == 30
    assert packet(frame.data).missing == 30


def test_comments_are_options_of_their_frame() -> None:
    out = io.BytesIO()
    writer = PcapngWriter(out)
    writer.write_frame(Frame(1, TIME, 1, b"x"), "SPI 0x1000 \N{CHECK MARK}")
    comment = option(1, "SPI 0x1000 \N{CHECK MARK}".encode()) + option(0, b"")
    assert out.getvalue()[:-4].endswith(b"x\0\0\0" + comment)
    writer.write_frame(Frame(1, TIME, 1, b"y"), "long" * 50_000)
    assert [one.data for one in read(out).frames()] == [b"x", b"y"]


def test_secrets() -> None:
    out = io.BytesIO()
    writer = PcapngWriter(out)
    writer.write_secrets(0x12345678, b"secret")
    writer.write_frame(Frame(1, TIME, 1, b"x"))
    reader = read(out)
    assert len(list(reader.frames())) == 1
    assert reader.secrets == [Secret(0x12345678, b"secret")]


def test_times_that_the_format_cannot_have() -> None:
    out = io.BytesIO()
    writer = PcapngWriter(out)
    for time in (-1, 1 << 70):
        writer.write_frame(Frame(1, time, 1, b"x"))
    assert [one.time for one in read(out).frames()] == [0, (1 << 63) - 1]
