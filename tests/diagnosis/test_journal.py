"""What is remembered of phones, and of how many."""

import errno
from dataclasses import replace

import pytest

from pcscf.diagnosis import journal as module
from pcscf.diagnosis.journal import (
    Counters,
    End,
    Journal,
    PhoneKey,
    PhoneRecord,
    SetRecord,
    is_temporary,
)
from pcscf.net import observers
from tests.xfrm.test_model import sa_set
from xfrm.errors import KernelRefusal
from xfrm.model import SaId, SaSet

IMPI, IMPU = "u@home.example", "sip:u@home.example"
SET = sa_set()
UE = SET.ue


class Book:
    """A journal, its clock, and what was read of the kernel."""

    def __init__(self, *, max_phones: int = 100, max_age: float = 3600) -> None:
        self.now = 1000.0
        self.looks: list[SaSet] = []
        self.refusal: KernelRefusal | None = None
        self.journal = Journal(
            lambda: self.now, max_phones=max_phones, max_age=max_age, read=self.read
        )

    def read(self, of: SaSet) -> Counters:
        if self.refusal is not None:
            raise self.refusal
        self.looks.append(of)
        return (None,) * 4

    def tell(self, event: str, *, impi: str = IMPI, ue: str = UE, **fields: str | int) -> None:
        self.journal.reported("info", event, {"impi": impi, "ue": ue, **fields})

    def challenge(self, one: SaSet = SET, *, impi: str = IMPI) -> SetRecord:
        self.journal.installed(one, 300)
        self.tell("challenged", impi=impi, ue=one.ue, spi_ps=one.spi_ps)
        record = self.journal.set_with(one.ids[0])
        assert record is not None
        return record

    def register(self, one: SaSet = SET) -> SetRecord:
        record = self.challenge(one)
        self.now += 1
        self.tell("registered", ue=one.ue, impu=IMPU, spi_ps=one.spi_ps)
        return record

    def phone(self, impi: str = IMPI, ue: str = UE) -> PhoneRecord:
        found = self.journal.of_user(ue, impi)
        assert found is not None
        return found


@pytest.fixture
def book() -> Book:
    return Book()


def other(number: int, ue: str = UE) -> SaSet:
    """Another set, all of whose SPIs are its own."""
    first = 10_000 + 10 * number
    return replace(SET, ue=ue, spi_uc=first, spi_us=first + 1, spi_pc=first + 2, spi_ps=first + 3)


def test_it_is_the_servers_journal(book: Book) -> None:
    one: observers.Journal = book.journal
    assert one  # the server looks whether there is one


# -- sets


def test_the_life_of_a_set(book: Book) -> None:
    record = book.register()
    assert (record.impi, record.installed, record.confirmed) == (IMPI, 1000, 1001)
    assert record.expires == 1300
    book.now = 1100
    book.journal.extended(SET, 600)
    assert (record.extended, record.expires) == (1100, 1700)
    assert not record.ended
    book.now = 1200
    book.journal.removed(SET)
    assert record.ended == 1200
    assert record.end is End.REMOVED
    book.now = 1300
    book.journal.removed(SET)
    book.journal.extended(SET, 600)
    assert record.ended == 1200
    assert record.expires == 1700


def test_the_next_set_replaces_the_one_before(book: Book) -> None:
    first = book.register()
    book.now = 1500
    second = book.register(other(1))
    assert (first.replaced, first.ended) == (1501, None)
    assert (second.replaced, second.confirmed) == (None, 1501)
    book.now = 1600
    book.tell("registered", impu=IMPU, spi_ps=other(1).spi_ps)  # a refresh
    assert (first.replaced, second.confirmed) == (1501, 1501)


def test_an_emergency_registration_replaces_no_other(book: Book) -> None:
    first = book.register()
    book.journal.installed(other(1), 300)
    for event in ("challenged", "registered"):
        book.tell(event, spi_ps=other(1).spi_ps, emergency=1)
    assert first.replaced is None


@pytest.mark.parametrize("number", range(4))
def test_each_of_the_four_may_expire(book: Book, number: int) -> None:
    record = book.register()
    book.now = 1400
    book.journal.expired(SET.ids[number])
    assert (record.ended, record.end) == (1400, End.EXPIRED)


def test_what_expires_elsewhere_is_no_set_of_ours(book: Book) -> None:
    record = book.register()
    book.journal.expired(SaId("192.0.2.99", SET.spi_ps))
    book.journal.expired(SaId(UE, 4711))
    assert record.ended is None


def test_a_set_that_the_kernel_refused(book: Book) -> None:
    book.journal.refused(SET, "ENOMEM: no memory")
    book.tell("sa_install_failed", spi_ps=SET.spi_ps, reason="ENOMEM: no memory")
    (record,) = book.phone().sets
    assert (record.end, record.reason, record.ended) == (End.REFUSED, "ENOMEM: no memory", 1000)


def test_sets_are_found_by_destination_and_spi(book: Book) -> None:
    record = book.register()
    assert [book.journal.set_with(sa) for sa in SET.ids] == [record] * 4
    assert book.journal.set_with(SaId("192.0.2.99", SET.spi_ps)) is None
    assert book.journal.with_spi(SET.spi_uc) == [record]
    assert book.journal.with_spi(4711) == []


def test_an_spi_that_is_given_out_again_is_of_the_newest_set(book: Book) -> None:
    book.register()
    book.journal.removed(SET)
    again = book.challenge(replace(other(1), spi_ps=SET.spi_ps))
    assert book.journal.set_with(SaId(SET.pcscf, SET.spi_ps)) is again


def test_few_sets_of_a_phone_are_kept_those_that_live_among_them(book: Book) -> None:
    living = book.register()
    for number in range(20):
        book.challenge(other(number))
        book.journal.removed(other(number))
    sets = book.phone().sets
    assert len(sets) == module._MOST_SETS
    assert living in sets
    assert book.journal.set_with(other(0).ids[0]) is None
    assert book.journal.set_with(other(19).ids[0]) is sets[-1]
    assert len(book.journal._by_spi) == 2 * len(sets)


# -- what happened


def test_things_of_a_kind_are_counted(book: Book) -> None:
    for status in (403, 403, 500):
        book.now += 10
        book.tell("registration_refused", status=status)
    refused = book.phone().of("registration_refused")
    assert [(one.fields["status"], one.count, one.first, one.last) for one in refused] == [
        (500, 1, 1030, 1030),
        (403, 2, 1010, 1020),
    ]
    assert book.phone().last_of("registration_refused", "expired") == 1030
    assert book.phone().last_of("expired") == 0


def test_kinds_are_bounded_and_the_oldest_goes(book: Book) -> None:
    for number in range(100):
        book.tell("registration_refused", status=number)
    book.tell("registration_refused", status=90)
    kept = [int(one.fields["status"]) for one in book.phone().happened.values()]
    assert len(kept) == module._MOST_KINDS
    assert kept[-2:] == [99, 90]


@pytest.mark.parametrize(
    ("peer", "ue"), [("192.0.2.10:5060", "192.0.2.10"), ("[2001:db8::a]:5060", "2001:db8::a")]
)
def test_what_names_a_peer_is_of_its_address(book: Book, peer: str, ue: str) -> None:
    book.journal.reported("info", "unreadable", {"peer": peer, "reason": "Bad Via"})
    (phone,) = book.journal.at(ue)
    assert phone.key == PhoneKey(ue, "")
    assert phone.of("unreadable")[0].fields["reason"] == "Bad Via"


@pytest.mark.parametrize(
    "event", ["load", "stray_response", "no_sa_for_flow", "ack_dropped", "refused"]
)
def test_what_is_of_no_phones_registration_is_left_out(book: Book, event: str) -> None:
    fields = {} if event == "load" else {"peer": "192.0.2.10:5060"}
    book.journal.reported("debug", event, fields)
    assert book.journal.remembered == 0


# -- what was counted when a challenge ended


@pytest.mark.parametrize(
    "event", ["challenge_unanswered", "challenge_superseded", "challenge_refused"]
)
def test_counters_are_read_before_they_go(book: Book, event: str) -> None:
    record = book.challenge()
    book.tell(event)
    assert book.looks == [SET]
    assert (record.counted, record.failed) == ((None,) * 4, 1000)


@pytest.mark.parametrize(
    ("event", "answered", "over"),
    [
        ("security_mismatch", {}, True),
        ("registration_refused", {"answered": 1}, True),
        ("registration_refused", {"answered": 0}, False),
    ],
)
def test_a_set_that_stays_for_a_refusal_waits_for_no_answer(
    book: Book, event: str, answered: dict[str, int], *, over: bool
) -> None:
    record = book.challenge()
    book.tell(event, **answered)  # type: ignore[arg-type]
    assert is_temporary(record) is not over
    assert book.looks == []


def test_counters_of_a_set_in_use_are_left_alone(book: Book) -> None:
    book.register()
    book.tell("challenge_unanswered")
    book.tell("deregistered")
    assert book.looks == []


def test_counters_that_cannot_be_read_are_none(book: Book) -> None:
    record = book.challenge()
    book.refusal = KernelRefusal("find", errno.ENOMEM, "ENOMEM")
    book.tell("challenge_unanswered")
    assert record.counted is None


def test_a_flood_of_challenges_reads_few_counters(book: Book) -> None:
    for number in range(1000):
        book.challenge(other(number, f"192.0.2.{number % 250}"), impi=f"{number}@x")
        book.tell("challenge_unanswered", impi=f"{number}@x", ue=f"192.0.2.{number % 250}")
    looked = len(book.looks)
    assert module._LOOKS_AT_ONCE <= looked <= module._LOOKS_AT_ONCE + 1
    book.now += 1
    book.challenge(other(2000))
    book.tell("challenge_unanswered")
    assert len(book.looks) == looked + 1


# -- who is found, who is forgotten


def test_phones_are_found_by_address_and_names(book: Book) -> None:
    book.register()
    book.tell("registration_refused", impi="other@x", status=403)
    assert {one.key.impi for one in book.journal.at(UE)} == {IMPI, "other@x"}
    for name in (IMPI, IMPU):
        assert [one.key for one in book.journal.of(name)] == [(UE, IMPI)]
    assert book.journal.of("nobody@x") == book.journal.at("192.0.2.99") == []


def test_who_never_registered_is_found_by_the_name_it_asked_for(book: Book) -> None:
    book.tell("register_received", impu=IMPU, side="clear")
    assert [one.key for one in book.journal.of(IMPU)] == [(UE, IMPI)]


def test_a_challenge_leaves_no_nobody_behind(book: Book) -> None:
    book.challenge()
    assert [one.key for one in book.journal.at(UE)] == [(UE, IMPI)]


def test_strangers_drive_out_no_phone() -> None:
    book = Book(max_phones=10)
    book.register()
    for number in range(1000):
        book.tell("registration_refused", impi=f"{number}@x", status=403)
    assert book.phone().last_of("registered")
    assert book.journal.remembered == 11
    assert book.journal.forgotten == 990
    assert book.journal.set_with(SET.ids[0]) is not None


def test_of_phones_the_one_heard_of_longest_ago_goes() -> None:
    book = Book(max_phones=3)
    for number in (1, 2, 3, 1, 4):
        ue = f"192.0.2.{number}"
        book.tell("registered", impi=f"{number}@x", ue=ue, impu=f"sip:{number}@x")
    kept = [n for n in range(1, 5) if book.journal.at(f"192.0.2.{n}")]
    assert kept == [1, 3, 4]


def test_the_old_are_forgotten_with_all_of_their_sets() -> None:
    book = Book(max_age=100)
    book.register()
    book.now += 200
    book.tell("registered", impi="2@x", ue="192.0.2.2", impu="sip:2@x")
    assert book.journal.remembered == 1
    assert book.journal.at(UE) == []
    assert book.journal.set_with(SET.ids[0]) is None
    assert book.journal.forgotten == 0  # that is as it should be
    assert UE not in book.journal._by_ue


def test_no_table_grows() -> None:
    book = Book(max_phones=10)
    for number in range(500):
        ue = f"192.0.2.{number % 200}"
        book.challenge(other(number, ue), impi=f"{number}@x")
        if number % 2:
            book.tell("registered", impi=f"{number}@x", ue=ue, spi_ps=other(number).spi_ps)
    journal = book.journal
    assert 10 < journal.remembered <= 20
    assert len(journal._by_spi) <= 2 * 20
    assert sum(map(len, journal._by_ue.values())) == journal.remembered
