"""Secrets blocks found among others, in both byte orders, in damaged files."""

import io
import struct

import pytest

from pcscf.decode.keys.secrets_blocks import is_pcapng, secrets_blocks


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = 12 + len(body)
    return struct.pack(f"{order}II", kind, size) + body + struct.pack(f"{order}I", size)


def section(order: str = "<") -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))


def secrets(data: bytes, kind: int = 7, order: str = "<") -> bytes:
    return block(order, 10, struct.pack(f"{order}II", kind, len(data)) + data)


def found(data: bytes) -> list[tuple[int, bytes]]:
    return list(secrets_blocks(io.BytesIO(data)))


@pytest.mark.parametrize("order", ["<", ">"])
def test_all_of_them_are_found_among_others(order) -> None:
    other = block(order, 6, b"x" * 5000)
    data = section(order) + secrets(b"first", 7, order) + other + secrets(b"", 8, order)
    assert is_pcapng(data[:4])
    assert found(data) == [(7, b"first"), (8, b"")]


def test_each_section_has_its_byte_order() -> None:
    data = section("<") + secrets(b"a") + section(">") + secrets(b"b", 9, ">")
    assert found(data) == [(7, b"a"), (9, b"b")]


def test_a_length_larger_than_the_block_ends_with_the_block() -> None:
    assert found(section() + block("<", 10, struct.pack("<II", 7, 9999) + b"four")) == [
        (7, b"four")
    ]


def test_a_file_that_breaks_is_read_up_to_there() -> None:
    data = section() + secrets(b"first") + secrets(b"second")
    for size in range(len(data)):
        whole = [(7, b"first")] if size >= len(section() + secrets(b"first")) else []
        assert found(data[:size]) == whole


@pytest.mark.parametrize("size", [0, 8, 13, 16, 0xFFFFFFFC])
def test_insane_sizes_end_it(size) -> None:
    assert found(section() + struct.pack("<II", 10, size) + bytes(100)) == []
    assert found(section() + struct.pack("<II", 99, size) + bytes(100)) == []


def test_a_size_that_is_no_multiple_of_four_ends_it() -> None:
    odd = struct.pack("<II", 99, 13) + bytes(5)
    assert found(section() + odd + secrets(b"behind")) == []


def test_other_files_are_none() -> None:
    assert not is_pcapng(b"")
    assert not is_pcapng(b"\xd4\xc3\xb2\xa1")
