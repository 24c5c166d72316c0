"""Cards given by the user, and the challenges that they answer."""

import base64
from pathlib import Path

import pytest

from pcscf.decode.keys.milenage import Milenage
from pcscf.decode.keys.usim import Usim, Usims, load_usims
from pcscf.errors import KeyFileError
from tests.vectors import load

AKA = load("aka-digest")
IMPI, NONCE = AKA["register"]["impi"], AKA["nonce"]["base64"]
K, OP, OPC, CK, IK = (AKA["milenage"][name] for name in ("k", "op", "opc", "f3_ck", "f4_ik"))


def load_text(path: Path, text: str) -> Usims:
    path.write_text(text)
    return load_usims(str(path))


def keys_from(usims: Usims, impi: str = IMPI, nonce: str = NONCE) -> tuple[str, str] | None:
    derived = usims.derive(impi, nonce, 7)
    return (derived.keys.ck.hex(), derived.keys.ik.hex()) if derived else None


@pytest.mark.parametrize(
    "text",
    [
        f'[[usim]]\nimpi = "{IMPI}"\nk = "{K}"\nopc = "{OPC}"\n',
        f'[[usim]]\nk = "{K}"\nop = "{OP.upper()}"\n',
        f'[[usim]]\nimpi = "else"\nk = "{"00" * 16}"\nop = "{OP}"\n'
        f'[[usim]]\nimpi = "a name the capture does not have"\nk = "{K}"\nop = "{OP}"\n',
    ],
    ids=["impi and opc", "op alone", "under another name"],
)
def test_ck_and_ik_follow_from_a_challenge(tmp_path, text) -> None:
    usims = load_text(tmp_path / "usims.toml", text)
    assert keys_from(usims) == (CK, IK)
    assert keys_from(usims, "") == (CK, IK)
    assert usims.notes == []


def test_a_wrong_k_is_told_in_one_line(tmp_path) -> None:
    text = f'[[usim]]\nimpi = "{IMPI}"\nk = "{OP}"\nopc = "{OPC}"\n'
    usims = load_text(tmp_path / "usims.toml", text)
    assert keys_from(usims) is None
    assert keys_from(usims) is None
    (note,) = usims.notes
    assert note == f"wrong K, OP or OPc of {IMPI}: not that of the 401 in frame 7"
    assert keys_from(usims, "a stranger") is None
    assert len(usims.notes) == 1


def test_that_no_card_fits_is_told_where_they_are_nobodys(tmp_path) -> None:
    wrong = f'[[usim]]\nk = "{OP}"\nopc = "{OPC}"\n'
    usims = load_text(tmp_path / "usims.toml", wrong)
    assert keys_from(usims) is None
    assert usims.notes == ["wrong K, OP or OPc: no card fits the 401 in frame 7, or another"]
    right = f'[[usim]]\nk = "{K}"\nopc = "{OPC}"\n'
    usims = load_text(tmp_path / "usims.toml", wrong + right)
    assert keys_from(usims) == (CK, IK)
    assert usims.notes == []  # others may well have cards that are not in the file


def test_other_server_data_behind_the_challenge_is_left_alone() -> None:
    usims = Usims([Usim(IMPI, Milenage(bytes.fromhex(K), bytes.fromhex(OPC)))])
    longer = base64.b64encode(base64.b64decode(NONCE) + b"server").decode()
    assert keys_from(usims, nonce=longer) == (CK, IK)


@pytest.mark.parametrize(
    "nonce", ["", "no base64!", "\N{SNOWMAN}", base64.b64encode(bytes(31)).decode()]
)
def test_a_nonce_that_is_no_challenge_gives_nothing(nonce) -> None:
    usims = Usims([Usim(IMPI, Milenage(bytes.fromhex(K), bytes.fromhex(OPC)))])
    assert keys_from(usims, nonce=nonce) is None
    assert usims.notes == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("usim = [", "not TOML"),
        ("", "tables expected"),
        ("[[usim]]\n[other]\n", "tables expected"),
        ("usim = 7", "tables expected"),
        ("usim = [7]", "usim 1: its keys are"),
        (f'[[usim]]\nk = "{K}"\n', "usim 1: either op or opc"),
        (f'[[usim]]\nk = "{K}"\nop = "{OP}"\nopc = "{OPC}"\n', "usim 1: either op or opc"),
        (f'[[usim]]\nk = "{K}"\nop = "{OP}"\nsqn = 1\n', "usim 1: its keys are"),
        (f'[[usim]]\nk = "{K}0"\nop = "{OP}"\n', "usim 1: k is not 32 hexadecimal digits"),
        (f'[[usim]]\nk = 7\nop = "{OP}"\n', "usim 1: k is not 32 hexadecimal digits"),
        (f'[[usim]]\nk = "{K}"\nopc = "{OPC[2:]}"\n', "usim 1: opc is not 32"),
        (f'[[usim]]\nimpi = 7\nk = "{K}"\nop = "{OP}"\n', "usim 1: impi is no text"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line_without_its_keys(
    tmp_path, text, reason
) -> None:
    with pytest.raises(KeyFileError, match=reason) as caught:
        load_text(tmp_path / "usims.toml", text)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)
    assert K not in str(caught.value)


def test_no_file(tmp_path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        load_usims(str(tmp_path / "none"))
    (tmp_path / "binary").write_bytes(b"\xff\0")
    with pytest.raises(KeyFileError, match="not TOML"):
        load_usims(str(tmp_path / "binary"))
