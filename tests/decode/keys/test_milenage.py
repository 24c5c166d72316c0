"""Milenage against test sets of TS 35.208, and against the one of the tests' phones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcscf.decode.keys.milenage import Milenage, opc_of
from tests.peers import milenage as oracle
from tests.peers.aka import make_vector

# K, OP, OPc, RAND, SQN, AMF; then MAC-A, CK, IK, AK
SETS = (
    "465b5ce8b199b49faa5f0a2ee238a6bc cdc202d5123e20f62b6d676ac72cb318"
    " cd63cb71954a9f4e48a5994e37a02baf 23553cbe9637a89d218ae64dae47bf35 ff9bb4d0b607 b9b9"
    " 4a9ffac354dfafb3 b40ba9a3c58b2a05bbf0d987b21bf8cb f769bcd751044604127672711c6d3441"
    " aa689c648370",
    "fec86ba6eb707ed08905757b1bb44b8f dbc59adcb6f9a0ef735477b7fadf8374"
    " 1006020f0a478bf6b699f15c062e42b3 9f7c8d021accf4db213ccff0c7f71a6a 9d0277595ffc 725c"
    " 9cabc3e99baf7281 5dbdbb2954e8f3cde665b046179a5098 59a92d3b476a0443487055cf88b2307b"
    " 33484dc2136b",
    "9e5944aea94b81165c82fbf9f32db751 223014c5806694c007ca1eeef57f004f"
    " a64a507ae1a2a98bb88eb4210135dc87 ce83dbc54ac0274a157c17f80d017bd6 0b604a81eca8 9e09"
    " 74a58220cba84c49 e203edb3971574f5a94b0d61b816345d 0c4524adeac041c4dd830d20854fc46b"
    " f0b9c08ad02e",
    "4ab1deb05ca6ceb051fc98e77d026a84 2d16c5cd1fdf6b22383584e3bef2a8d8"
    " dcf07cbd51855290b92a07a9891e523e 74b0cd6031a1c8339b2b6ce2b8c4a186 e880a1b580b6 9f07"
    " 49e785dd12626ef2 7657766b373d1c2138f307e3de9242f9 1c42e960d89b8fa99f2744e0708ccb53"
    " 31e11a609118",
)
block = st.binary(min_size=16, max_size=16)


@pytest.mark.parametrize("published", SETS, ids=lambda one: one[:8])
def test_published_set(published) -> None:
    k, op, opc, rand, sqn, amf, mac, ck, ik, ak = map(bytes.fromhex, published.split())
    assert opc_of(k, op) == opc
    subscriber = Milenage(k, opc)
    assert (subscriber.ck(rand), subscriber.ik(rand), subscriber.ak(rand)) == (ck, ik, ak)
    hidden = bytes(a ^ b for a, b in zip(sqn, ak, strict=True))
    assert subscriber.proves(rand, hidden + amf + mac)


@given(block, block, block, st.integers(0, 2**48 - 1), st.binary(min_size=2, max_size=2))
def test_another_implementation_agrees(k, opc, rand, sqn, amf) -> None:
    theirs = oracle.Milenage(k, opc)
    ours = Milenage(k, opc)
    vector = make_vector(theirs, rand, sqn, amf)
    assert (ours.ck(rand), ours.ik(rand)) == (vector.expected.ck, vector.expected.ik)
    autn = vector.challenge.autn
    assert ours.proves(rand, autn)
    for at in (0, 6, 8, 15):
        assert not ours.proves(rand, autn[:at] + bytes((autn[at] ^ 1,)) + autn[at + 1 :])


def test_keys_are_not_printed() -> None:
    assert repr(Milenage(b"K" * 16, b"O" * 16)) == "Milenage()"
