import csv
import io
import json
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pcscf.decode.model import Sa
from pcscf.decode.output.esp_sa import EspSa
from pcscf.decode.output.output import Output
from pcscf.decode.output.summary import Summary
from tests.decode.samples import CK, IK, MESSAGE, PCSCF, UE, an_sa, seen
from xfrm.algorithms import EspKeys, Suite

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "esp.json").read_text())["vectors"]
SUITES = sorted({(one["alg"], one["ealg"]) for one in VECTORS} - {("aes-gmac", "null")})


def table(*sas: Sa) -> str:
    sink = io.BytesIO()
    out: Output = EspSa(sink)
    out.begin()
    out.message(seen(MESSAGE))
    for sa in sas:
        out.sa(sa, "a reason")
    out.end(Summary())
    return sink.getvalue().decode()


def test_a_line_for_each_sa() -> None:
    comment, first, second = table(an_sa(), an_sa(9, src="2001:db8::1", dst="2001:db8::2")).split(
        "\n"
    )[:3]
    assert comment.startswith("#")
    assert next(csv.reader([first])) == [
        "IPv4", UE.host, PCSCF.host, "0x00001a2b", "AES-CBC [RFC3602]", f"0x{CK}",
        "HMAC-SHA-1-96 [RFC2404]", f"0x{IK}00000000",
    ]  # fmt: skip
    assert second.startswith('"IPv6","2001:db8::1","2001:db8::2","0x00000009"')


def test_without_the_key_of_the_icv_wireshark_is_told_its_length() -> None:
    sa = an_sa()
    sa.checked = False
    assert '"ANY 96 bit authentication [no checking]",""\n' in table(sa)
    sa.keys = None
    assert "no keys" in table(sa)
    sa.suite = Suite("hmac-sha-1-96", "null")
    assert '"NULL","","ANY 96 bit authentication [no checking]",""\n' in table(sa)
    sa.suite, sa.icv_size = None, 16
    assert '"NULL","","ANY 128 bit authentication [no checking]",""\n' in table(sa)


def test_what_wireshark_cannot_open_is_a_comment() -> None:
    gmac, unknown, keyless = an_sa(1), Sa(2, UE.host, PCSCF.host), an_sa(3)
    gmac.suite = Suite("aes-gmac", "null")
    keyless.keys = None
    assert table(gmac, unknown, keyless).splitlines()[1:] == [
        f"# 0x00000001 {UE.host} to {PCSCF.host}: Wireshark has no aes-gmac/null",
        f"# 0x00000002 {UE.host} to {PCSCF.host}: no keys",
        f"# 0x00000003 {UE.host} to {PCSCF.host}: no keys",
    ]


@pytest.mark.parametrize(("alg", "ealg"), SUITES)
def test_tshark_opens_with_it_what_it_is_about(tmp_path: Path, alg: str, ealg: str) -> None:
    chosen = [one for one in VECTORS if (one["alg"], one["ealg"]) == (alg, ealg)]
    sas = {
        (one["spi"], one["dst"]): Sa(
            one["spi"], one["src"], one["dst"], "FILE", Suite(alg, ealg),
            keys(one),
        )
        for one in chosen
    }  # fmt: skip
    (tmp_path / "esp_sa").write_text(table(*sas.values()))
    capture = tmp_path / "esp.pcap"
    write_capture(capture, (bytes.fromhex(one["packet"]) for one in chosen))
    assert opened(tmp_path, capture) == [(one["sport"], one["dport"], True) for one in chosen]


def keys(one: dict[str, str]) -> EspKeys:
    if "aead" in one:
        return EspKeys(b"", bytes.fromhex(one["key"] + one["salt"]))
    return EspKeys(bytes.fromhex(one["auth_key"]), bytes.fromhex(one["crypt_key"]))


def opened(config: Path, capture: Path) -> list[tuple[int, int, bool]]:
    """Inner ports as tshark sees them, and whether it finds the ICV good."""
    fields = ["tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "esp.icv_good"]
    options = ["esp.enable_encryption_decode:TRUE", "esp.enable_authentication_check:TRUE"]
    done = subprocess.run(
        [
            "tshark", "-r", capture, *(word for one in options for word in ("-o", one)),
            "-T", "fields", *(word for one in fields for word in ("-e", one)),
        ],
        env={"WIRESHARK_CONFIG_DIR": str(config), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "esp_sa" not in done.stderr
    rows: list[Any] = [line.split("\t") for line in done.stdout.splitlines()]
    return [(int(row[0] or row[2]), int(row[1] or row[3]), row[4] == "1") for row in rows]


def write_capture(path: Path, packets: Iterable[bytes]) -> None:
    """Write a pcap of raw IP."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for packet in packets:
        data += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet
    path.write_bytes(data)
