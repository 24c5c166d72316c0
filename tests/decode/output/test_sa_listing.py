from pcscf.decode.model import Fault, Sa
from pcscf.decode.output.sa_listing import describe, endpoint, table
from tests.decode.samples import CK, IK, PCSCF, UE, an_sa

NAMES = {UE.host: "UE", PCSCF.host: "P-CSCF"}


def name(host: str) -> str:
    return NAMES.get(host, host)


def test_an_endpoint_has_the_hosts_name() -> None:
    assert endpoint(name, UE.host, 5) == "UE:5"
    assert endpoint(name, "2001:db8::1", 5) == "[2001:db8::1]:5"


def test_an_sa_in_a_line() -> None:
    assert describe(an_sa(), name) == (
        "0x00001a2b UE:6101 -> P-CSCF:5063 hmac-sha-1-96/aes-cbc of alice@home; "
        "CK and IK of the 401 in frame 2"
    )
    assert describe(Sa(1, UE.host, "b"), name) == "0x00000001 UE -> b; no keys"


def test_null_encryption_that_was_recognised() -> None:
    sa = Sa(1, UE.host, "b", icv_size=12)
    assert describe(sa, name) == "0x00000001 UE -> b NULL, ICV of 12 octets; no keys"


def test_a_table_of_what_was_counted() -> None:
    unknown = Sa(1, UE.host, PCSCF.host, packets=12, octets=3456)
    unknown.first_sequence, unknown.last_sequence, unknown.missing = 70, 90, 9
    unknown.faults.update({Fault.UNKNOWN_SPI: 12})
    known = an_sa()
    known.faults.update({Fault.REPLAYED: 2, Fault.BAD_ICV: 1, Fault.WRONG_KEY: 4})
    head, *rows = table([known, unknown, Sa(2, "a", "b")], name)
    assert head.split("  ")[0] == "SPI"
    assert len({len(row) for row in (head, *rows)}) == 1
    assert rows[0].split()[-7:] == ["3", "900", "1-3", "0", "2", "5", "0"]
    assert " ".join(rows[1].split()) == ("0x00000001 UE -> P-CSCF no keys 12 3456 70-90 9 0 0 12")
    assert rows[2].split()[-6:] == ["0", "0", "0", "0", "0", "0"]


def test_no_keys_and_nothing_that_steers_a_terminal() -> None:
    sa = an_sa()
    sa.user, sa.origin = "\x1b[2Jmallory", "\x1b[0m"
    text = describe(sa, name) + "".join(table([sa], name))
    assert "\x1b" not in text
    assert CK not in text
    assert IK not in text
