"""Whatever a capture or a file of keys holds: no error but the documented ones, in bounded time."""

import random
from dataclasses import replace

import pytest

from pcscf.decode.keys.esp import Opener
from pcscf.decode.keys.given import given_keys
from pcscf.decode.keys.key_files import load_keys
from pcscf.decode.keys.keyring import Keyring
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.keys.usim import load_usims
from pcscf.decode.keys.wildcards import Wildcards
from pcscf.errors import KeyFileError
from tests.decode.esp_packets import AKA, Sender
from tests.decode.keys.test_key_files import FILES
from tests.decode.keys.test_usim import IMPI, OPC, K
from tests.decode.registering import Registering
from xfrm.algorithms import SUITES

USIMS = f'[[usim]]\nimpi = "{IMPI}"\nk = "{K}"\nopc = "{OPC}"\n'.encode()


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Flip, cut out, double or insert, a few times."""
    for _ in range(rng.randrange(1, 5)):
        at, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        match rng.randrange(4):
            case 0:
                data = data[:at] + rng.randbytes(1) + data[at + 1 :]
            case 1:
                data = data[:at] + data[end:] or b"x"
            case 2:
                data = data[:at] + data[at:end][:200] * 2 + data[end:]
            case _:
                data = data[:at] + rng.randbytes(rng.randrange(9)) + data[at:]
    return data


@pytest.mark.parametrize("seed", range(4))
def test_registrations_and_packets(seed: int) -> None:
    rng = random.Random(seed)
    wildcards, table = Wildcards(given_keys(AKA.ik, AKA.ck)), SaTable()
    keyring, opener = Keyring(table, wildcards), Opener(table, wildcards)
    senders = [Sender(suite, spi=rng.choice([2001, 3002, 9])) for suite in SUITES]
    for n in range(1, 400):
        one = Registering(time=n, cseq=rng.randrange(3), nonce=str(rng.randrange(9)))
        for message in (one.sm1(), one.sm5(), one.sm6(), one.sm7()):
            if rng.randrange(4):
                keyring.observe(replace(message, data=damaged(rng, message.data)))
            else:
                keyring.observe(message)
        sealed = rng.choice(senders).send(n)
        opener.open(sealed._replace(payload=damaged(rng, sealed.payload)))
        opener.open(sealed)
    assert opener.without_spi < 400
    counted = sum(sa.packets for sa in table)
    assert counted + opener.without_spi == 2 * 399


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_files_of_keys(tmp_path, content: bytes) -> None:
    rng, path = random.Random(7), tmp_path / "keys"
    for _ in range(600):
        path.write_bytes(damaged(rng, content))
        try:
            notes = load_keys(str(path)).notes
        except KeyFileError as error:
            notes = [str(error)]
        told = "".join(notes)
        assert "\n" not in told
        assert not [key for key in (AKA.ck, AKA.ik) if key.hex()[:24] in told]


def test_files_of_cards(tmp_path) -> None:
    rng, path = random.Random(7), tmp_path / "usims"
    for _ in range(500):
        path.write_bytes(damaged(rng, USIMS))
        try:
            load_usims(str(path))
            told = ""
        except KeyFileError as error:
            told = str(error)
        assert "\n" not in told
        assert K not in told
