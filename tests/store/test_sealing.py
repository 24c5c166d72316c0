"""Sealed records: what opens them, what does not, and that nothing is ever sealed alike twice."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.errors import SealError
from pcscf.store import sealing
from pcscf.store.sealing import Key, Sealer

FIRST = Key("2031-05", bytes(range(32)))
SECOND = Key("2032-01", bytes(range(32, 64)))
RECORD = b"an SA and its keys " * 80
NAME = "sa:192.0.2.9"


def salt_and_count(sealed: bytes) -> bytes:
    """What decides on key and nonce, for a key with an id of seven characters."""
    return sealed[9:33]


@given(st.text(max_size=80), st.binary(max_size=4096))
def test_what_is_sealed_can_be_opened_by_any_process_with_the_key(name: str, record: bytes) -> None:
    assert Sealer([FIRST]).open(name, Sealer([FIRST]).seal(name, record)) == record


def test_nothing_of_a_record_can_be_read_in_it() -> None:
    sealed = Sealer([FIRST]).seal(NAME, RECORD)
    assert b"keys" not in sealed
    assert FIRST.secret not in sealed
    assert len(sealed) == len(RECORD) + 2 + len(FIRST.id) + 16 + 8 + 16


def test_no_two_records_are_sealed_alike() -> None:
    sealers = [Sealer([FIRST]) for _ in range(4)]
    sealed = [sealer.seal(NAME, RECORD) for _ in range(50) for sealer in sealers]
    assert len({salt_and_count(each) for each in sealed}) == len(sealed)


FORKED = """
import os, sys
from pcscf.store.sealing import Key, Sealer

sealer = Sealer([Key("2031-05", bytes(range(32)))])
is_parent = os.fork()
if is_parent:
    os.wait()
os.write(1, sealer.seal("sa:192.0.2.9", b"").hex().encode() + b"\\n")
"""


def test_a_forked_process_does_not_seal_as_its_parent_does() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, check=True)
    of_child, of_parent = map(bytes.fromhex, done.stdout.decode().split())
    assert salt_and_count(of_child) != salt_and_count(of_parent)
    assert Sealer([FIRST]).open(NAME, of_child) == b""


def test_after_very_many_records_the_salt_changes(monkeypatch) -> None:
    monkeypatch.setattr(sealing, "_MAX_COUNT", 3)
    sealer = Sealer([FIRST])
    sealed = [sealer.seal(NAME, RECORD) for _ in range(7)]
    assert len({salt_and_count(each)[:16] for each in sealed}) == 3
    assert len({salt_and_count(each) for each in sealed}) == 7
    assert {sealer.open(NAME, each) for each in sealed} == {RECORD}


def test_a_record_cannot_pass_for_another_one() -> None:
    sealer = Sealer([FIRST])
    with pytest.raises(SealError, match=r"record 'sa:192.0.2.8' is damaged"):
        sealer.open("sa:192.0.2.8", sealer.seal(NAME, RECORD))


def test_every_octet_is_guarded() -> None:
    sealer = Sealer([FIRST])
    sealed = sealer.seal(NAME, b"short")
    for place in range(len(sealed)):
        for damaged in (
            sealed[:place] + bytes((sealed[place] ^ 1,)) + sealed[place + 1 :],
            sealed[:place],
        ):
            with pytest.raises(SealError):
                sealer.open(NAME, damaged)


@given(st.binary(max_size=200))
def test_what_was_never_sealed_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(SealError) as caught:
        Sealer([FIRST]).open(NAME, data)
    assert "\n" not in str(caught.value)


def test_the_wrong_key_is_named_and_not_shown() -> None:
    sealed = Sealer([FIRST]).seal(NAME, RECORD)
    with pytest.raises(SealError, match=r"record 'sa:192.0.2.9' is sealed with key '2031-05'"):
        Sealer([SECOND]).open(NAME, sealed)
    with pytest.raises(SealError, match="another key was called '2031-05'") as caught:
        Sealer([Key(FIRST.id, SECOND.secret)]).open(NAME, sealed)
    assert repr(SECOND.secret)[2:-1] not in str(caught.value)


def test_rotation_the_first_key_seals_and_all_open() -> None:
    before = Sealer([FIRST]).seal(NAME, RECORD)
    during = Sealer([SECOND, FIRST])
    assert during.open(NAME, before) == RECORD
    assert not during.is_current(before)
    after = during.reseal(NAME, before)
    assert during.is_current(after)
    assert during.reseal(NAME, after) is after
    assert Sealer([SECOND]).open(NAME, after) == RECORD


def test_salts_of_very_many_processes_do_not_fill_the_memory(monkeypatch) -> None:
    monkeypatch.setattr(sealing, "_MAX_CIPHERS", 5)
    reader = Sealer([FIRST])
    for _ in range(30):
        assert reader.open(NAME, Sealer([FIRST]).seal(NAME, RECORD)) == RECORD
    assert len(reader._ciphers) <= 5


def test_a_key_is_never_shown() -> None:
    assert repr(FIRST) == str(FIRST) == "Key(2031-05)"


@pytest.mark.parametrize(
    ("id_", "secret"), [("", bytes(32)), ("a" * 33, bytes(32)), ("k\u00e4", bytes(32)), ("a", b"")]
)
def test_a_key_has_a_short_id_and_32_octets(id_: str, secret: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - either of two
        Key(id_, secret)
