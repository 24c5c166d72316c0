"""What kernel, store and memory do not agree on is named."""

import json
import time
from typing import Any, cast

import pytest
from valkey import Valkey

from pcscf.core import snapshot
from tests.core.phone import Phone
from tests.core.stage import SINCE, Stage
from tests.soak.accounts import (
    Holder,
    Memory,
    Set,
    Store,
    ValkeyHash,
    _shown,
    differences,
    sorted_out,
)
from xfrm.model import SaId

UE, PCSCF = "192.0.2.10", "192.0.2.1"
NAME = ("user@example.net", UE)
CURRENT = Set(UE, PCSCF, "hmac-sha-1-96/null", "current", (1, 2, 3, 4, 5, 6, 7, 8))
TEMPORARY = CURRENT._replace(stage="temporary", numbers=(11, 12, 13, 14, 15, 16, 17, 8))
HOLDER = Holder("UDP", 1, frozenset({("sip:a", "sip:b")}), frozenset({CURRENT}), 1000.0)


def accounts() -> tuple[dict[SaId, int], Store, Memory]:
    kernel = dict.fromkeys(CURRENT.ids | TEMPORARY.ids, 5)
    keys = {f"sa:{PCSCF}:4", f"sa:{PCSCF}:14"}
    store = Store({NAME: HOLDER}, keys, {SaId(PCSCF, 4): 5})
    return kernel, store, Memory([CURRENT, TEMPORARY], {NAME: HOLDER})


def test_accounts_that_agree() -> None:
    assert differences(*accounts()) == []


def test_an_sa_that_the_kernel_alone_has() -> None:
    kernel, store, memory = accounts()
    kernel[SaId(UE, 99)] = 0
    (line,) = differences(kernel, store, memory)
    assert "spi=99" in line
    assert "is in the kernel, and not in memory" in line


def test_an_sa_that_the_kernel_has_lost() -> None:
    kernel, store, memory = accounts()
    del kernel[SaId(UE, 11)]
    (line,) = differences(kernel, store, memory)
    assert "is in memory, and not in the kernel" in line


def test_a_registration_that_was_not_written_down() -> None:
    kernel, store, memory = accounts()
    store.holders.clear()
    (line,) = differences(kernel, store, memory)
    assert line.startswith(f"registration {NAME} is in memory, and not in the store")


def test_keys_that_were_not_written_down_and_keys_of_nobody() -> None:
    kernel, store, memory = accounts()
    store.keys.discard(f"sa:{PCSCF}:14")
    store.keys.add("sa:x:1")
    assert differences(kernel, store, memory) == [
        f"keys of set sa:{PCSCF}:14 is in memory, and not in the store",
        "keys of set sa:x:1 is in the store, and not in memory",
    ]


def test_numbers_of_nobody_and_numbers_ahead_of_the_kernel() -> None:
    kernel, store, memory = accounts()
    store.sequences.update({SaId(PCSCF, 4): 6, SaId(PCSCF, 99): 1})
    ahead, nobodys = differences(kernel, store, memory)
    assert "is 6 in the store, and 5 in the kernel" in ahead
    assert "the SA not in the kernel" in nobodys


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("transport", "TCP"),
        ("dialogs", 2),
        ("contacts", frozenset()),
        ("sets", frozenset({CURRENT._replace(stage="previous")})),
        ("ends", 1010.0),
    ],
)
def test_a_registration_of_which_another_thing_is_written(field: str, value: Any) -> None:
    kernel, store, memory = accounts()
    store.holders[NAME] = HOLDER._replace(**{field: value})
    (line,) = differences(kernel, store, memory)
    assert str(NAME) in line


def test_an_sa_of_two_sets() -> None:
    kernel, store, memory = accounts()
    memory.sets.append(CURRENT._replace(stage="leaving"))
    assert "an SA belongs to two sets in memory" in differences(kernel, store, memory)


def test_records_of_a_kind_that_nobody_knows_and_two_of_one_phone() -> None:
    with pytest.raises(ValueError, match="no known kind"):
        sorted_out({"x:1": b""})
    _stage, values = registered()
    record = json.dumps(values).encode()
    with pytest.raises(ValueError, match="two records"):
        sorted_out({"reg:1": record, "reg:2": record})


def registered() -> tuple[Stage, snapshot.Values]:
    stage = Stage()
    phone = Phone(stage)
    phone.registered()
    (values,) = stage.edge.take_changes(SINCE).values()
    assert values is not None
    return stage, values


def test_what_is_written_and_what_is_shown_of_a_phone_read_alike() -> None:
    stage, values = registered()
    (shown,) = stage.edge.views.ues(stage.now, 0, 1)
    found = {
        **shown._asdict(),
        "expires_in": shown.expires,
        "bindings": [one._asdict() for one in shown.bindings],
        "sas": [one._asdict() for one in shown.sas],
    }
    ((_, written),) = sorted_out({"reg:x": json.dumps(values).encode()}).holders.items()
    assert written._replace(ends=0) == _shown(found)._replace(ends=0)
    assert written.ends - (SINCE + stage.now) == pytest.approx(_shown(found).ends - time.time(), 1)


def test_a_hash_on_a_server_says_the_same_as_a_file() -> None:
    class Server:
        def hgetall(self, key: str) -> dict[bytes, bytes]:
            assert key == "pcscf:one"
            expiry = bytes(8)
            return {b"#batch": b"7", b"seq:192.0.2.1:9": expiry + b"5", b"kernel": expiry + b"x"}

    found = ValkeyHash(cast("Valkey", Server()), "pcscf:one").read()
    assert found == Store({}, set(), {SaId("192.0.2.1", 9): 5})
