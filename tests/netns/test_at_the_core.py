"""What the core gets to see of a phone: REGISTERs, and requests in the name of an identity.

TS 24.229 5.2.2 and 5.2.6.3, RFC 3327, RFC 7315.
"""

from dataclasses import replace

import pytest

from tests.netns.site import PEER, Site, came_under, every_way
from tests.peers.agreement import draw
from tests.peers.core import Reaction
from tests.peers.phone import Phone
from tests.peers.registrar import Behaviour
from tests.peers.text import Message, auth_parameters, parameters, sent_by, uri_of

pytestmark = pytest.mark.esp

PORT_PS = 6100
# What a phone has no right to state, and what ends at its P-CSCF.
PRETENDED = (
    ("Require", "gruu"),
    ("Route", "<sip:elsewhere.example;lr>"),
    ("Path", "<sip:elsewhere.example;lr>"),
    ("P-Asserted-Identity", "<sip:bob@example.com>"),
    ("P-Visited-Network-ID", '"elsewhere.example"'),
    ("P-Charging-Vector", "icid-value=mine"),
    ("P-Charging-Function-Addresses", "ccf=elsewhere.example"),
    ("P-Access-Network-Info", "3GPP-E-UTRAN-FDD, IEEE-802.11;network-provided"),
)


def registers(site: Site, phone: Phone) -> list[Message]:
    """The REGISTERs of a phone that the core has got."""
    impus = phone.subscription.impus
    found = [one.message for one in site.core.requests("REGISTER")]
    return [one for one in found if uri_of(one.header("to")) in impus]


def protection(register: Message) -> str:
    """What it says of ``integrity-protected``; AssertionError if not just once."""
    value = register.header("authorization")
    assert value.lower().count("integrity-protected") == 1
    return auth_parameters(value)["integrity-protected"]


@every_way
def test_a_register_is_made_what_the_core_is_to_see(
    site: Site, version: int, transport: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.knobs = replace(phone.knobs, integrity_protected="yes", headers=PRETENDED)
    phone.register()
    phone.register()
    seen = registers(site, phone)
    assert [one.cseq[0] for one in seen] == [1, 2, 3, 4]
    for one in seen:
        assert {"security-client", "security-verify", "proxy-require", "route"}.isdisjoint(
            name.lower() for name, _ in one.headers
        )
        assert sorted(one.elements("require")) == ["gruu", "path"]
        assert "p-asserted-identity" not in one
        assert "p-charging-function-addresses" not in one
        assert one.values("p-visited-network-id") == ['"visited.example"']
        assert one.elements("p-access-network-info") == ["3GPP-E-UTRAN-FDD"]
        assert one.header("max-forwards") == "69"
        ours, theirs = one.elements("via")
        assert sent_by(ours) == ("UDP", (site.lab.v4.pcscf_core, 5060))
        assert sent_by(theirs)[1].host == phone.address
    vectors = [parameters(f"name;{one.header('p-charging-vector')}") for one in seen]
    assert len({vector["icid-value"] for vector in vectors}) == 4
    assert {vector["orig-ioi"] for vector in vectors} == {"visited.example"}
    assert {len(one.values("p-charging-vector")) for one in seen} == {1}


@every_way
def test_what_protected_a_register_is_told_by_the_sas_alone(
    site: Site, version: int, transport: str
) -> None:
    """Neither what the phone states nor the port in its Via counts (TS 33.203 6.1.5)."""
    phone = site.phone(version, transport=transport)
    phone.knobs = replace(phone.knobs, integrity_protected="yes")
    assert protection(in_clear(site, phone, via_port=PORT_PS)) == "no"
    phone.take_challenge(phone.sm1())
    phone.install()
    phone.accept(phone.sm7(via_port=5060, integrity_protected="no"))
    assert protection(registers(site, phone)[-1]) == "yes"
    assert phone.current
    site.core.next.append(Reaction(challenge=False))
    phone.accept(phone.sm1(via_port=5060, integrity_protected="no"))
    assert protection(registers(site, phone)[-1]) == "yes"
    assert protection(in_clear(site, phone, via_port=phone.current.own.port_s)) == "no"


def in_clear(site: Site, phone: Phone, via_port: int) -> Message:
    """Send a REGISTER there; give it as the core gets it. Over UDP the answer goes astray."""
    before = len(site.core.received)
    phone.send_sm1(protected=False, numbers=draw(None), via_port=via_port)
    return site.core.wait_for(lambda message: message.method == "REGISTER", since=before).message


def test_a_response_in_clear_proves_nothing(site: Site) -> None:
    phone = site.phone()
    phone.take_challenge(phone.sm1())
    answer = phone.sm7()  # the SAs were not brought up
    assert protection(registers(site, phone)[-1]) == "no"
    phone.take_challenge(answer)
    assert len(site.states(phone)) == 4
    phone.install()
    phone.accept(phone.sm7())
    site.talks(phone)


def test_under_the_set_before_the_latest_a_register_counts_as_unprotected(site: Site) -> None:
    phone = site.phone()
    phone.register()
    old = phone.current
    phone.register()
    new, phone.current = phone.current, old
    answer = phone.sm1()
    assert came_under(phone, answer) is old
    assert protection(registers(site, phone)[-1]) == "no"
    phone.current = new


@every_way
def test_a_response_under_the_old_set_proves_nothing(
    site: Site, version: int, transport: str
) -> None:
    """A challenge is answered under its own SAs (TS 33.203 7.2): ``yes`` belongs to them alone."""
    phone = site.phone(version, transport=transport)
    phone.register()
    phone.take_challenge(phone.sm1())
    known = len(registers(site, phone))
    phone.send_sm7()  # the new SAs were not brought up
    assert phone.message(PEER).status == 200  # behind it on the same way
    assert [protection(one) for one in registers(site, phone)[known:]] in ([], ["no"])


def test_a_path_is_hard_to_guess_and_leads_to_its_phone_alone(site: Site) -> None:
    phones = [site.phone(4), site.phone(6, transport="TCP"), site.phone(4)]
    for phone in phones:
        phone.register()
    paths = [registers(site, phone)[-1].elements("path") for phone in phones]
    assert {len(path) for path in paths} == {1}
    users = [uri_of(path[0]).removeprefix("sip:").partition("@")[0] for path in paths]
    assert len({*users}) == 3
    assert min(map(len, users)) >= 22  # 128 bits, even if packed as base64
    for phone, user in zip(phones, users, strict=True):
        assert phone.subscription.impi.partition("@")[0] not in user
        assert phone.address not in user
    for phone in phones:
        assert site.request_to(phone).message.start.startswith("MESSAGE ")
    guess = paths[0][0].replace(users[0], users[0][:-1] + ("0" if users[0][-1] != "0" else "1"))
    uri = site.core.bindings(phones[0].identity)[0].uri
    headers = [("From", f"<{PEER}>;tag=1"), ("To", f"<{uri}>"), ("Call-ID", site.core.new_id())]
    sent = site.core.send_along("MESSAGE", uri, [guess], headers=[*headers, ("CSeq", "1 MESSAGE")])
    assert site.core.finish(sent).status == 404
    assert len(phones[0].requests("MESSAGE")) == 1


ROUTES = ("<sip:orig@198.51.100.2:5060;lr>", "<sip:second@198.51.100.9;lr;a=b>")
OTHER_ROUTES = ("<sip:third@198.51.100.2:5060;lr>",)


@every_way
def test_what_the_latest_200_said_serves_requests(site: Site, version: int, transport: str) -> None:
    """Service-Route in its order, and the identities that are not barred, the first by default."""
    phone = site.phone(version, transport=transport)
    first, second, third = phone.subscription.impus
    record = site.core.registrar.records[phone.subscription.impi]
    record.subscription = replace(phone.subscription, barred=frozenset({first}))
    site.core.registrar.behaviour = Behaviour(service_route=ROUTES)
    phone.register()
    assert sent(site, phone, preferred=PEER) == (list(ROUTES), [f"<{second}>"])
    assert sent(site, phone, preferred=third) == (list(ROUTES), [f"<{third}>"])
    assert sent(site, phone, preferred=first) == (list(ROUTES), [f"<{second}>"])  # it is barred
    record.subscription = phone.subscription
    site.core.registrar.behaviour = Behaviour(service_route=OTHER_ROUTES, challenge_refresh=False)
    phone.register()
    assert sent(site, phone, preferred=PEER) == (list(OTHER_ROUTES), [f"<{first}>"])


def sent(site: Site, phone: Phone, preferred: str) -> tuple[list[str], list[str]]:
    """Send a MESSAGE by another route; Route and P-Asserted-Identity as the core got them."""
    phone.identities = [preferred]  # From has it as well, which is of no account
    pretended = [("P-Asserted-Identity", f"<{PEER}>")]
    start = phone.start_request("MESSAGE", PEER, route=["<sip:a.example;lr>"], headers=pretended)
    assert phone.finish(start).status == 200
    got = site.core.requests("MESSAGE")[-1].message
    for name in ("security-verify", "require", "proxy-require", "p-preferred-identity"):
        assert name not in got
    return got.elements("route"), got.elements("p-asserted-identity")
