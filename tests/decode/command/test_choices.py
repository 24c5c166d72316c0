import pytest
import typer

from pcscf.decode.command.choices import each, one, read_key, read_name
from tests.decode.samples import CK


@pytest.mark.parametrize(
    "text", [CK, CK.upper(), f"0x{CK}", ":".join(CK[n : n + 2] for n in range(0, 32, 2))]
)
def test_a_key_however_it_is_spelled(text: str) -> None:
    assert read_key(text) == bytes.fromhex(CK)


@pytest.mark.parametrize("text", ["", CK[:-1], CK + "00", f"x{CK[1:]}", f"{CK}\n"])
def test_what_is_no_key_is_not_quoted(text: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        one("--ck", text, read_key)
    assert caught.value.message == "a key has 32 hexadecimal digits"
    assert caught.value.param_hint == "'--ck'"


def test_names_of_hosts() -> None:
    assert read_name("192.0.2.1=P-CSCF=1") == ("192.0.2.1", "P-CSCF=1")
    assert read_name("2001:0DB8::0001=ue") == ("2001:db8::1", "ue")


@pytest.mark.parametrize("text", ["", "192.0.2.1", "192.0.2.1=", "host=name", "192.0.2.1=\x1b"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_name(text)


def test_options_that_are_absent() -> None:
    assert each("--x", None, int) == ()
    assert one("--x", None, int) is None
    assert each("--x", ["1", "2"], int) == (1, 2)
