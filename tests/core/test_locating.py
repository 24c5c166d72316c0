"""RFC 3263 as questions and what their answers mean; RFC 2782 by counting."""

from collections import Counter
from random import Random

import pytest

from pcscf.core.dns_records import Naptr, Question, Records, RecordType, Srv
from pcscf.core.flow import Endpoint
from pcscf.core.ids import Ids
from pcscf.core.locating import Locator, advance, by_weight
from pcscf.core.policy import Target
from tests.core.zone import AAAA, A, Zone, tcp, udp

V4, V6 = Endpoint("203.0.113.5", 5060), Endpoint("2001:db8:c::5", 5060)
HOME = Target("home.example")


class Search:
    """One search played to its end: the hops, and the rounds of questions."""

    def __init__(self, zone: Zone, *targets: Target, own: tuple[Endpoint, ...] = (V4, V6)) -> None:
        self.rounds: list[list[Question]] = []
        search = Locator(own, Ids(Random(1).randbytes)).locate_all(targets)
        answers: list[Records] | None = None
        try:
            while True:
                self.rounds.append(advance(search, answers))
                answers = [zone.get(question, ()) for question in self.rounds[-1]]
        except StopIteration as end:
            self.hops = end.value

    @property
    def asked(self) -> list[list[str]]:
        return [[f"{q.name} {q.type}" for q in questions] for questions in self.rounds]


def srv(name: str, *records: Srv) -> tuple[Question, Records]:
    return Question(name, RecordType.SRV), records


def naptr(*records: Naptr) -> tuple[Question, Records]:
    return Question("home.example", RecordType.NAPTR), records


def test_an_address_is_its_own_answer() -> None:
    search = Search({}, Target("198.51.100.9"), Target("2001:db8::9", 5070))
    assert search.hops == [udp("198.51.100.9"), udp("2001:db8::9", 5070)]
    assert search.rounds == []


def test_naptr_leads_to_srv_and_srv_to_addresses() -> None:
    """RFC 3263 4.1, 4.2: the most preferred service first."""
    zone = dict([
        naptr(
            Naptr(20, 1, "s", "sip+d2u", "_sip._udp.home.example"),
            Naptr(10, 9, "s", "sip+d2t", "_sip._tcp.edge.example"),
            Naptr(10, 1, "s", "sips+d2t", "_sips._tcp.home.example"),
        ),
        srv("_sip._tcp.edge.example", Srv(1, 0, 5070, "a.example")),
        srv("_sip._udp.home.example", Srv(1, 0, 5080, "b.example")),
        A("a.example", "198.51.100.1"),
        A("b.example", "198.51.100.2"),
        AAAA("b.example", "2001:db8::2"),
    ])  # fmt: skip
    search = Search(zone, HOME)
    assert search.asked == [
        ["home.example NAPTR"],
        ["_sip._tcp.edge.example SRV", "_sip._udp.home.example SRV"],
        ["a.example A", "a.example AAAA", "b.example A", "b.example AAAA"],
    ]
    assert search.hops == [
        tcp("198.51.100.1", 5070),
        udp("198.51.100.2", 5080),
        udp("2001:db8::2", 5080),
    ]


@pytest.mark.parametrize(
    "useless",
    [
        Naptr(1, 1, "s", "sips+d2t", "x.example"),
        Naptr(1, 1, "u", "sip+d2u", "x.example"),
        Naptr(1, 1, "s", "sip+d2s", "x.example"),
        Naptr(1, 1, "s", "sip+d2u", ""),
    ],
)
def test_without_a_naptr_of_use_srv_is_asked_for_both_transports(useless: Naptr) -> None:
    """RFC 3263 4.1."""
    zone = dict([
        naptr(useless),
        srv("_sip._tcp.home.example", Srv(1, 0, 5070, "a.example")),
        A("a.example", "198.51.100.1"),
    ])  # fmt: skip
    search = Search(zone, HOME)
    assert search.asked[1] == ["_sip._udp.home.example SRV", "_sip._tcp.home.example SRV"]
    assert search.hops == [tcp("198.51.100.1", 5070)]


def test_without_srv_the_host_itself_is_asked_at_the_default_port() -> None:
    search = Search(dict([A("home.example", "198.51.100.1")]), HOME)
    assert len(search.rounds) == 3
    assert search.hops == [udp("198.51.100.1")]


def test_a_given_transport_needs_no_naptr() -> None:
    zone = dict([A("home.example", "198.51.100.1")])
    search = Search(zone, Target("home.example", None, tcp("::").transport))
    assert search.asked[0] == ["_sip._tcp.home.example SRV"]
    assert search.hops == [tcp("198.51.100.1")]


def test_a_given_port_needs_neither_naptr_nor_srv() -> None:
    zone = dict([AAAA("home.example", "2001:db8::1")])
    search = Search(zone, Target("home.example", 5070))
    assert search.asked == [["home.example A", "home.example AAAA"]]
    assert search.hops == [udp("2001:db8::1", 5070)]


def test_a_service_that_is_decidedly_not_there_has_no_host_instead() -> None:
    """RFC 2782: the target "."."""
    zone = dict([
        srv("_sip._udp.home.example", Srv(0, 0, 0, "")),
        A("home.example", "198.51.100.1"),
    ])  # fmt: skip
    assert Search(zone, HOME).hops == []


def test_an_srv_record_with_port_0_is_left_out() -> None:
    zone = dict([
        srv("_sip._udp.home.example", Srv(0, 0, 0, "a.example"), Srv(1, 0, 5060, "b.example")),
        A("a.example", "198.51.100.1"),
        A("b.example", "198.51.100.2"),
    ])  # fmt: skip
    assert Search(zone, HOME).hops == [udp("198.51.100.2")]


def test_only_families_that_we_have_are_asked_and_used() -> None:
    zone = dict([A("home.example", "198.51.100.1"), AAAA("home.example", "2001:db8::1")])
    at = Target("home.example", 5060)
    only_6 = Search(zone, at, Target("198.51.100.9"), own=(V6,))
    assert only_6.asked == [["home.example AAAA"]]
    assert only_6.hops == [udp("2001:db8::1")]
    assert Search(zone, at, own=(V6, V4)).hops == [udp("2001:db8::1"), udp("198.51.100.1")]


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "224.0.0.1", "169.254.0.1", V4.host],  # the last one is ourselves
)
def test_an_address_that_leads_nowhere_is_left_out(address: str) -> None:
    zone = dict([A("home.example", address, "198.51.100.1")])
    assert Search(zone, Target("home.example", 5060)).hops == [udp("198.51.100.1")]


def test_targets_are_searched_side_by_side_and_come_in_their_order() -> None:
    zone = dict([
        srv("_sip._udp.home.example", Srv(0, 0, 5060, "a.example")),
        A("a.example", "198.51.100.1"),
        A("b.example", "198.51.100.2"),
    ])  # fmt: skip
    search = Search(zone, HOME, Target("198.51.100.9"), Target("b.example", 5060))
    assert search.asked[0] == ["home.example NAPTR", "b.example A", "b.example AAAA"]
    assert search.hops == [udp("198.51.100.1"), udp("198.51.100.9"), udp("198.51.100.2")]


def test_a_hop_that_is_found_twice_comes_once() -> None:
    assert Search({}, Target("198.51.100.9"), Target("198.51.100.9", 5060)).hops == [
        udp("198.51.100.9")
    ]


def test_there_are_no_more_servers_than_a_request_can_try() -> None:
    many = [Srv(n, 0, 5060, f"h{n}.example") for n in range(40)]
    zone = dict([naptr(*[Naptr(n, 0, "s", "sip+d2u", f"s{n}.example") for n in range(40)])])
    zone |= dict(srv(f"s{n}.example", *many) for n in range(40))
    asked = Search(zone, HOME).asked
    assert len(asked[1]) == 4
    assert len(asked[2]) == 2 * 16


def test_the_addresses_of_one_host_share_the_load() -> None:
    zone = dict([A("home.example", "198.51.100.1", "198.51.100.2")])
    firsts: Counter[str] = Counter()
    locator = Locator((V4,), Ids(Random(1).randbytes))
    for _ in range(1000):
        search = locator.locate_all([Target("home.example", 5060)])
        questions = advance(search, None)
        with pytest.raises(StopIteration) as end:
            advance(search, [zone[question] for question in questions])
        firsts[end.value.value[0].endpoint.host] += 1
    assert all(abs(count - 500) < 60 for count in firsts.values())


# RFC 2782


def test_a_lower_priority_comes_first_whatever_the_weights() -> None:
    records = (Srv(2, 65535, 1, "c"), Srv(1, 0, 1, "a"), Srv(1, 9, 1, "b"))
    ids = Ids(Random(1).randbytes)
    for _ in range(50):
        assert [srv.host for srv in by_weight(records, ids)][2] == "c"


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ((10, 30, 60), (0.1, 0.3, 0.6)),
        ((0, 0), (0.5, 0.5)),
        ((0, 99), (0.01, 0.99)),  # weight 0 has a very small chance
        ((1,), (1.0,)),
    ],
)
def test_weights_are_shares(weights: tuple[int, ...], shares: tuple[float, ...]) -> None:
    records = tuple(Srv(1, weight, 1, str(place)) for place, weight in enumerate(weights))
    ids = Ids(Random(1).randbytes)
    firsts = Counter(next(by_weight(records, ids)).host for _ in range(4000))
    for place, share in enumerate(shares):
        assert firsts[str(place)] / 4000 == pytest.approx(share, abs=0.025)


def test_every_server_comes_once() -> None:
    records = tuple(Srv(1, weight, 1, str(weight)) for weight in range(10))
    drawn = [srv.host for srv in by_weight(records, Ids(Random(1).randbytes))]
    assert sorted(drawn) == [str(n) for n in range(10)]
