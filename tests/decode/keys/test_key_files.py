"""A file of keys is recognised by itself, and says in one line why it is of no use."""

import os
import threading

import pytest

from pcscf.decode.keys.esp import Opener
from pcscf.decode.keys.key_files import load_keys, read_secrets, secrets_text
from pcscf.decode.keys.sas import SaTable
from pcscf.decode.model import Sa
from pcscf.errors import KeyFileError
from tests.decode.esp_packets import AES_CBC, AKA, GCM, PCSCF, PORTS, SECOND, SPI, UE, Sender
from tests.decode.keys.test_secrets_blocks import secrets, section
from tests.decode.keys.test_wireshark_keys import row
from tests.decode.keys.test_xfrm_state import listing
from xfrm.algorithms import EspKeys
from xfrm.keylog import SECRETS_TYPE, set_line
from xfrm.model import SaSet

SET = SaSet(UE, PCSCF, AES_CBC, 2001, 2002, 3001, SPI, *PORTS[:1], 40002, 6101, *PORTS[1:])
LOG = "# of the P-CSCF\n" + set_line(5 * SECOND, SET, AKA)
PCAPNG = section() + secrets(b"CLIENT_RANDOM", 0x544C534B) + secrets(LOG.encode(), SECRETS_TYPE)
STATE = (
    listing(AES_CBC)
    .replace("0xce0a6a0a", f"{SPI:#x}")
    .replace("src 192.0.2.10 dst 192.0.2.1\n", f"src {UE} dst {PCSCF}\n")
)
FILES = {
    "key log": LOG.encode(),
    "pcapng": PCAPNG,
    "pcapng, big endian": section(">") + secrets(LOG.encode(), SECRETS_TYPE, ">"),
    "xfrm state": STATE.encode(),
    "esp_sa": row().encode(),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_each_kind_opens_a_packet(tmp_path, content) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    found = load_keys(str(path))
    table = SaTable()
    for sa in found.sas:
        table.add(sa)
    opened = Opener(table).open(Sender().send(9))
    assert opened.packet is not None
    assert opened.sa is not None
    assert opened.sa.origin == str(path)
    assert found.notes == []


def test_a_pipe_can_be_read(tmp_path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(PCAPNG,))
    writer.start()
    assert len(load_keys(str(path)).sas) == 4
    writer.join()


def test_times_and_ports_of_a_key_log(tmp_path) -> None:
    (tmp_path / "log").write_text(LOG + LOG.replace(" 5.", " 6.") + "GM_SAS damaged\n")
    found = load_keys(str(tmp_path / "log"))
    assert [sa.since for sa in found.sas] == [5 * SECOND] * 4 + [6 * SECOND] * 4
    assert found.sas[0].ports == PORTS
    assert found.notes == [f"{tmp_path}/log: line 5: no line of a key log"]


def test_what_is_written_as_secrets_comes_back() -> None:
    sas = [
        Sa(SPI, UE, PCSCF, suite=GCM, keys=GCM.keys(AKA), ports=PORTS, since=7),
        Sa(8, UE, PCSCF, suite=AES_CBC, keys=EspKeys(b"", AKA.ck), checked=False),
        Sa(9, UE, PCSCF),
        Sa(10, UE, PCSCF, suite=GCM),
    ]
    found = read_secrets(SECRETS_TYPE, secrets_text(sas), "f")
    told = [(s.spi, s.suite, s.keys, s.ports, s.since, s.checked) for s in found.sas]
    assert told == [(s.spi, s.suite, s.keys, s.ports, s.since, s.checked) for s in sas[:2]]
    assert read_secrets(0x544C534B, secrets_text(sas), "f").sas == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither ip xfrm state"),
        (b"\xff\xfe\0", "neither ip xfrm state"),
        (b"\xd4\xc3\xb2\xa1" + bytes(40), "neither ip xfrm state"),
        (section(), "no keys in it"),
        (section() + secrets(b"CLIENT_RANDOM", 0x544C534B), "no keys in it"),
        (b"GM_SAS damaged", "line 1: no line of a key log"),
        (row().replace("AES-CBC", "XYZ").encode(), "line 1: encryption"),
        (listing(AES_CBC).replace("sha1", "sha2").encode(), "SPI 0xce0a6a0a: 'hmac"),
    ],
)
def test_a_file_without_keys_says_so_in_one_line(tmp_path, content, reason) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(KeyFileError) as caught:
        load_keys(str(path))
    assert str(caught.value).startswith(f"{path}: {reason}")
    assert AKA.ik.hex() not in str(caught.value)


def test_no_file(tmp_path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        load_keys(str(tmp_path / "none"))
    with pytest.raises(KeyFileError, match="directory"):
        load_keys(str(tmp_path))
