"""Records on a Valkey server: fences, late batches, and a server that has lost some."""

import asyncio
import re
import time
from pathlib import Path

import pytest

from pcscf.errors import LeaseLostError, StoreError, StoreLostError
from pcscf.store.model import Change
from pcscf.store.valkey import ValkeyStore
from tests.store.clients import NAME, Clients, play

DOCUMENTATION = Path(__file__).parent.parent.parent / "docs" / "store.md"
LATER = time.time() + 3600
WEEK = 7 * 86400


def one(value: bytes = b"1", key: str = "a") -> list[Change]:
    return [Change(key, value, LATER)]


def test_names_have_records_of_their_own(server) -> None:
    async def scene(clients: Clients) -> None:
        stores = [clients.store("192.0.2.1"), clients.store("192.0.2.2")]
        for number, store in enumerate(stores):
            await store.write(one(b"%d" % number))
        assert [await store.load() for store in stores] == [one(b"0"), one(b"1")]

    play(server, scene)


# Leases


def test_who_lost_the_lease_cannot_write_before_having_loaded_again(server) -> None:
    async def scene(clients: Clients) -> None:
        first = await clients.loaded("one")
        await first.write(one(b"first"))
        await first.leases.release(NAME, "one")
        second = await clients.loaded("two")
        await second.write(one(b"second"))
        with pytest.raises(LeaseLostError, match=f"another process serves {NAME}"):
            await first.write(one(b"stale"))
        await second.leases.release(NAME, "two")
        assert await first.leases.take(NAME, "one", 60)
        with pytest.raises(LeaseLostError):
            await first.write(one(b"stale"))  # gathered before the other one served the name
        assert await first.load() == one(b"second")
        await first.write(one(b"first again"))
        with pytest.raises(LeaseLostError):
            await second.write(one(b"stale"))
        assert await first.load() == one(b"first again")

    play(server, scene)


def test_who_never_had_the_lease_cannot_write(server) -> None:
    async def scene(clients: Clients) -> None:
        first = await clients.loaded("one")
        await first.write(one(b"first"))
        second = clients.store()
        assert await second.load() == one(b"first")
        with pytest.raises(LeaseLostError):
            await second.write(one(b"second"))

    play(server, scene)


def test_a_lease_that_ran_out_while_nobody_wanted_it_is_as_good_as_ever(server) -> None:
    async def scene(clients: Clients) -> None:
        store = clients.store()
        assert await store.leases.take(NAME, "one", 0.02)
        await store.load()
        await asyncio.sleep(0.05)
        await store.write(one(b"1"))
        assert await store.leases.take(NAME, "one", 60)
        await store.write(one(b"2"))
        await store.leases.release(NAME, "one")
        await store.write(one(b"3"))
        assert await store.load() == one(b"3")

    play(server, scene)


def test_two_that_write_one_name_without_leases_are_told(server) -> None:
    async def scene(clients: Clients) -> None:
        first, second = clients.store(), clients.store()
        await first.load()
        await second.load()
        await first.write(one(b"1"))
        with pytest.raises(StoreError, match=f"another process writes records of {NAME}"):
            await second.write(one(b"2"))
        assert await first.load() == one(b"1")

    play(server, scene)


# What the server has lost, or sees too late


@pytest.mark.parametrize("renews_first", [False, True])
def test_a_server_that_comes_back_empty_is_found_out_and_filled_again(server, renews_first) -> None:
    async def scene(clients: Clients) -> None:
        store = await clients.loaded()
        await store.write(one(b"1"))
        server.command("FLUSHALL")
        if renews_first:
            assert await store.leases.take(NAME, "one", 60)
        with pytest.raises(StoreLostError, match=f"has lost records of {NAME}"):
            await store.write(one(b"2", key="b"))
        await store.write(one(b"2") + one(b"2", key="b"))
        await store.write(one(b"3"))
        assert sorted(await store.load()) == one(b"3") + one(b"2", key="b")

    play(server, scene)


def test_it_is_found_out_by_a_process_that_has_only_read_so_far(server) -> None:
    async def scene(clients: Clients) -> None:
        await (await clients.loaded()).write(one(b"1"))
        store = await clients.loaded()
        server.command("FLUSHALL")
        with pytest.raises(StoreLostError):
            await store.write(one(b"2", key="b"))

    play(server, scene)


def test_a_server_that_comes_back_with_an_older_state_is_found_out(server) -> None:
    """As a replica does that was promoted before it had everything."""

    async def scene(clients: Clients) -> None:
        store = await clients.loaded()
        await store.write(one(b"1") + one(b"1", key="b"))
        server.command("COPY", f"test:{NAME}", "older")
        await store.write([Change("b", None, 0.0)])
        server.command("RENAME", "older", f"test:{NAME}")
        with pytest.raises(StoreLostError):
            await store.write(one(b"3", key="c"))
        await store.write(one(b"1") + one(b"3", key="c"))
        assert sorted(await store.load()) == one(b"1") + one(b"3", key="c")

    play(server, scene)


def test_a_batch_that_comes_late_changes_nothing(server, monkeypatch) -> None:
    """A server that was stopped finds batches in its sockets that were given up since."""

    async def scene(clients: Clients) -> None:
        store = await clients.loaded()
        run = store._server.run
        held_up = []

        async def hold_up(*asked):
            held_up.append(asked)
            raise store._server.error("Timeout")

        monkeypatch.setattr(store._server, "run", hold_up)
        with pytest.raises(StoreError, match="Timeout"):
            await store.write(one(b"old"))
        monkeypatch.setattr(store._server, "run", run)
        await store.write(one(b"new"))
        await run(*held_up[0])
        assert await store.load() == one(b"new")

    play(server, scene)


def test_the_first_batch_of_a_store_that_was_not_read_empties_it_once(server, monkeypatch) -> None:
    """Also where its answer is lost, and where it comes late."""

    async def scene(clients: Clients) -> None:
        await (await clients.loaded("one")).write(one(b"before"))
        store = clients.store()
        assert await store.leases.take(NAME, "one", 60)
        run = store._server.run
        sent = []

        async def without_answer(script, keys, arguments):
            answer = await run(script, keys, arguments)
            if len(arguments) > 1:
                sent.append((script, keys, arguments))
                raise store._server.error("Timeout")
            return answer

        monkeypatch.setattr(store._server, "run", without_answer)
        with pytest.raises(StoreError, match="Timeout"):
            await store.write(one(b"1", key="b"))
        monkeypatch.setattr(store._server, "run", run)
        await store.write(one(b"1", key="b"))
        await store.write(one(b"1", key="c"))
        await run(*sent[0])
        assert sorted(await store.load()) == one(key="b") + one(key="c")

    play(server, scene)


# How long it is kept


def test_what_nobody_serves_goes_a_week_after_its_last_record(server) -> None:
    async def scene(clients: Clients) -> None:
        store = await clients.loaded()
        now = time.time()
        await store.write([Change("a", b"1", now + 9000), Change("b", b"1", now + 10)])
        await store.write([Change("b", b"2", now + 20)])
        await store.write([Change("a", None, 0.0)])
        left = int(server.command("TTL", f"test:{NAME}")[1:])
        assert abs(left - WEEK - 9000) < 5
        assert server.command("TTL", f"test:{NAME}:fence") == b":-1"

    play(server, scene)


def test_a_clock_that_is_far_off_loses_nothing(server) -> None:
    """An instance whose battery is empty believes that it is 1970."""

    async def scene(clients: Clients) -> None:
        store = await clients.loaded()
        store._clock = lambda: 50.0
        await store.write([Change("a", b"1", 3650.0)])
        assert await store.load() == [Change("a", b"1", 3650.0)]

    play(server, scene)


@pytest.mark.parametrize(
    "command",
    [
        f"SET test:{NAME} something",
        f"HSET test:{NAME} a short",
        f"HSET test:{NAME} #batch none",
    ],
)
def test_what_is_not_ours_is_told(server, command: str) -> None:
    async def scene(clients: Clients) -> None:
        server.command(*command.split())
        with pytest.raises(StoreError) as caught:
            await clients.store().load()
        assert str(caught.value).startswith(f"store.url: valkey://127.0.0.1:{server.port}/0: ")

    play(server, scene)


# What the server has to allow


def test_a_user_with_the_documented_rights_is_enough(server) -> None:
    rights = re.search(r"ACL SETUSER pcscf on >PASSWORD (.*)", DOCUMENTATION.read_text())
    assert rights
    words = rights[1].replace("~pcscf:", "~test:").split()
    assert server.command("ACL", "SETUSER", "pcscf", "reset", "on", ">secret", *words) == b"+OK"

    async def scene(clients: Clients) -> None:
        clients.url = server.url.replace("//", "//pcscf:secret@")
        before = clients.store()
        assert await before.leases.take(NAME, "one", 60)
        await before.open()
        await before.write(one(b"unread"))  # which empties it
        store = await clients.loaded()
        await store.write([*one(b"1"), Change("b", b"1", time.time() - 1)])
        await store.write([Change("c", None, 0.0)])
        assert await store.load() == one(b"1")
        await store.leases.release(NAME, "one")

    play(server, scene)
    server.command("ACL", "DELUSER", "pcscf")


# Faults: the server is killed and stopped in the middle of batches


class Load:
    """Batches of a hundred records, one after the other, until the store fails."""

    def __init__(self) -> None:
        self.number = 0
        self.confirmed = 0

    async def write(self, store: ValkeyStore) -> None:
        while True:
            self.number += 1
            value = b"%d " % self.number * 200
            await store.write([Change(f"reg:{n}", value, LATER) for n in range(100)])
            self.confirmed = self.number


def test_nothing_that_was_confirmed_is_lost_when_the_server_is_killed(own_server) -> None:
    async def scene(clients: Clients) -> None:
        store = await clients.loaded()
        load = Load()
        for pause in (0.05, 0.07, 0.09, 0.11):
            asyncio.get_running_loop().call_later(pause, own_server.kill)
            with pytest.raises(StoreError):
                await load.write(store)
            own_server.start()
            found = await clients.store().load()
            (value,) = {each.value or b"" for each in found}  # whole batches
            assert len(found) == 100
            assert int(value.split()[0]) in (load.confirmed, load.number)

    play(own_server, scene)


def test_a_stopped_server_fails_after_the_timeout_and_goes_on_where_it_was(own_server) -> None:
    async def scene(clients: Clients) -> None:
        store = await clients.loaded(patience=0.1)
        own_server.pause()
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(StoreError, match="Timeout reading from 127"):
                await store.write(one(b"old"))
        assert time.monotonic() - started < 3
        own_server.resume()
        await store.write(one(b"new"))
        assert await store.load() == one(b"new")

    play(own_server, scene)
