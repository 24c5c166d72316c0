"""What the routing core does to messages, and how it fails on demand."""

import socket

import pytest

from tests.peers.core import DROP, Reaction
from tests.peers.peer import NothingCameError
from tests.peers.registrar import Binding
from tests.peers.router import RoutingCore
from tests.peers.text import Address, Message, make_response, parameters, parse

TRANSPORT_OF_TESTS = ["UDP", "TCP"]


class Neighbour:
    """A P-CSCF by hand: a socket, and the messages that it sends and gets."""

    def __init__(self, router: RoutingCore) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(5)
        self.at = Address(*self.sock.getsockname())
        self.router = router

    def register(self, impu: str, contact: str = "sip:u@192.0.2.1:5", **changes) -> None:
        record = self.router.registrar._by_impu[impu]
        path = [f"<sip:token@{self.at};lr>"]
        binding = Binding("impi", f"<{contact}>", path, float("inf"), "c")
        record.bindings[contact] = binding

    def send(self, data: bytes) -> None:
        self.sock.sendto(data, self.router.address)

    def receive(self) -> bytes:
        return self.sock.recv(65535)

    def get(self) -> Message:
        return parse(self.receive())


@pytest.fixture
def neighbour(router):
    made = Neighbour(router)
    yield made
    made.sock.close()


BOB = "sip:001010000000002@ims.mnc001.mcc001.3gppnetwork.org"


def invite(at: Address, *, uri: str = BOB, method: str = "INVITE", to: str = "", more: str = ""):
    return (
        f"{method} {uri} SIP/2.0\r\n"
        f"v:SIP/2.0/UDP {at} ;branch=z9hG4bKone\r\n"
        "Subject:  odd\r\n   spacing \r\n"
        f"{more}"
        "m: <sip:alice@192.0.2.7:7>\r\n"
        "Max-Forwards: 10\r\n"
        f"f: <sip:alice@example.com>;tag=1\r\nt: <{uri}>{to}\r\n"
        f"Call-ID: call\r\nCSeq: 1 {method}\r\n"
        "P-Charging-Vector: icid-value=theirs\r\n"
        "Record-Route: <sip:first;lr>\r\n"
        "l: 4\r\n\r\nbo\0\r"
    ).encode()


def test_a_request_to_a_registered_user(neighbour, router):
    neighbour.register(BOB)
    neighbour.send(invite(neighbour.at, more=f"Route: <sip:orig@{router.address};lr>\r\n"))
    data = neighbour.receive()
    got = parse(data)
    assert got.start == "INVITE sip:u@192.0.2.1:5 SIP/2.0"
    assert got.values("route") == [f"<sip:token@{neighbour.at};lr>"]
    assert got.header("p-called-party-id") == f"<{BOB}>"
    assert got.elements("record-route") == [f"<sip:{router.address};lr>", "<sip:first;lr>"]
    assert parameters(f"x;{got.header('p-charging-vector')}")["icid-value"] != "theirs"
    assert got.header("max-forwards") == "9"
    assert len(got.elements("via")) == 2
    for kept in (
        b"\r\nSubject:  odd\r\n   spacing \r\n",
        b"\r\nm: <sip:alice",
        b"\r\nl: 4\r\n",
        b"\r\n\r\nbo\0\r",
    ):
        assert kept in data
    assert b"v:SIP/2.0/UDP %s ;branch=z9hG4bKone\r\n" % str(neighbour.at).encode() in data


def test_an_answer_goes_back_as_it_came(neighbour, router):
    neighbour.register(BOB)
    neighbour.send(invite(neighbour.at))
    request = neighbour.get()
    answer = make_response(request, 200, "OK", [("x-ODD", "  a"), ("P-Charging-Vector", "t")])
    neighbour.send(answer.to_bytes())
    back = neighbour.receive()
    ours = f"Via: {request.values('via')[0]}\r\n".encode()
    assert back == answer.to_bytes().replace(ours, b"", 1)


def test_copies_cancel_and_ack_take_the_same_way(neighbour, router):
    neighbour.register(BOB)
    branches = []
    for method in ("INVITE", "INVITE", "CANCEL", "ACK"):
        neighbour.send(invite(neighbour.at, method=method))
        got = neighbour.get()
        assert (got.method, got.uri) == (method, "sip:u@192.0.2.1:5")
        assert ("p-called-party-id" in got) == (method == "INVITE")
        branches.append(got.branch)
    assert len({*branches}) == 1


@pytest.mark.parametrize(
    ("uri", "to", "status"),
    [("sip:nobody@example.com", "", 404), (BOB, "", 404), ("tel:+1999", "", 404)],
)
def test_nobody_there(neighbour, uri, to, status):
    neighbour.send(invite(neighbour.at, uri=uri, to=to))
    assert neighbour.get().status == status
    neighbour.send(invite(neighbour.at, uri=uri, method="ACK"))  # which ends here
    neighbour.send(invite(neighbour.at, uri=uri))
    assert neighbour.get().status == status


def test_within_a_dialog_it_goes_by_route_alone(neighbour, router):
    neighbour.register(BOB)
    here = f"Route: <sip:{router.address};lr>, <sip:{neighbour.at};lr;a=b>,<sip:far;lr>\r\n"
    neighbour.send(invite(neighbour.at, method="BYE", to=";tag=2", more=here))
    got = neighbour.get()
    assert got.start == f"BYE {BOB} SIP/2.0"
    assert got.elements("route") == [f"<sip:{neighbour.at};lr;a=b>", "<sip:far;lr>"]
    assert got.elements("record-route") == ["<sip:first;lr>"]
    neighbour.send(invite(neighbour.at, uri=f"sip:u@{neighbour.at}", method="ACK", to=";tag=2"))
    assert neighbour.get().start == f"ACK sip:u@{neighbour.at} SIP/2.0"


def test_too_many_hops(neighbour):
    neighbour.register(BOB)
    neighbour.send(invite(neighbour.at).replace(b"Max-Forwards: 10", b"Max-Forwards: 0"))
    assert neighbour.get().status == 483


def test_what_it_answers_itself(neighbour, router):
    neighbour.register(BOB)
    router.answers["OPTIONS"] = (405, "Method Not Allowed", [])
    neighbour.send(invite(neighbour.at, method="OPTIONS"))
    assert neighbour.get().status == 405
    neighbour.send(invite(neighbour.at, method="SUBSCRIBE", more="Event: reg;id=1\r\n"))
    assert neighbour.get().header("contact") == f"<sip:{router.address}>"
    neighbour.send(invite(neighbour.at, uri=f"sip:{router.address}", method="MESSAGE"))
    assert neighbour.get().status == 200


def test_telephone_number_and_the_newest_contact(neighbour, router):
    neighbour.register(BOB)
    neighbour.register(BOB, "sip:new@192.0.2.2")
    neighbour.send(invite(neighbour.at, uri="tel:+15550000002;phone-context=x"))
    got = neighbour.get()
    assert got.uri == "sip:new@192.0.2.2"
    assert got.header("p-called-party-id") == "<tel:+15550000002;phone-context=x>"


def test_troubles_are_met_once_each(alice, bob, router):
    router.troubles += [Reaction(status=503, headers=[("Retry-After", "3")]), DROP]
    assert alice.message(bob.identity).message.header("retry-after") == "3"
    with pytest.raises(NothingCameError):
        alice.message(bob.identity, timeout=0.2)  # copies are dropped too
    assert alice.message(bob.identity).status == 200
    assert bob.seen["MESSAGE"] == 1


def test_refused_call_is_acknowledged_to_the_core(alice, bob, router):
    router.troubles.append(Reaction(status=503))
    alice.invite(bob.identity).wait(503)
    router.wait_for(lambda message: message.method == "ACK")
    alice.invite(bob.identity)
    bob.wait_for_call()
    assert bob.seen["ACK"] == 0


def test_delay(alice, bob, router):
    router.troubles.append(Reaction(delay=0.2))
    answer = alice.message(bob.identity)
    first = next(one for one in router.received if one.message.method == "MESSAGE")
    assert answer.at - first.at >= 0.2
    assert bob.seen["MESSAGE"] == 1


def test_deaf(alice, bob, router):
    router.deaf = True
    before = len(router.received)
    with pytest.raises(NothingCameError):
        alice.message(bob.identity, timeout=0.1)
    router.deaf = False
    assert len(router.received) == before
    assert alice.message(bob.identity).status == 200


def test_another_core_goes_on_with_the_dialog(neighbour, router):
    """The registrar is shared, and the Route of the dead one is taken for one's own."""
    second = RoutingCore(Address("127.0.0.1", 0), [], registrar=router.registrar)
    second.siblings.add(router.address)
    neighbour.register(BOB)
    router.close()
    neighbour.router = second
    try:
        here = f"Route: <sip:{router.address};lr>, <sip:{neighbour.at};lr>\r\n"
        neighbour.send(invite(neighbour.at, method="BYE", to=";tag=2", more=here))
        assert neighbour.get().elements("route") == [f"<sip:{neighbour.at};lr>"]
        neighbour.send(invite(neighbour.at))
        assert neighbour.get().uri == "sip:u@192.0.2.1:5"
    finally:
        second.close()


def test_dead_next_hop(neighbour, router):
    neighbour.register(BOB)
    router.prefers = "TCP"  # where nobody listens
    neighbour.send(invite(neighbour.at))
    assert neighbour.get().status == 503


def test_transport_of_the_next_hop(alice, bob, router, transport):
    assert alice.message(bob.identity).status == 200
    got = bob.requests("MESSAGE")[0]
    assert got.origin.transport == transport
    assert got.message.elements("via")[0].startswith(f"SIP/2.0/{transport} {router.address}")
