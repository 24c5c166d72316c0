"""Emergency calls: to an E-CSCF that is not the S-CSCF, from phones that are registered or not."""

from collections.abc import Iterator

import pytest

from tests.netns.site import LINGER, SLACK, Site, every_way
from tests.peers.core import Core
from tests.peers.peer import Received
from tests.peers.text import Address
from tests.peers.wire import placed_in

pytestmark = pytest.mark.esp

E_CSCF_PORT = 5065
DESK = "sip:desk@example.net"
SOS = "urn:service:sos"


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return {
        "security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
        "emergency": f'e_cscf = ["udp:198.51.100.2:{E_CSCF_PORT}"]\nnumbers = ["112"]\n'
        f'anonymous = true\nnotify = ["{DESK}"]',
    }


@pytest.fixture(scope="module")
def e_cscf(shared_site: Site) -> Iterator[Core]:
    """Who answers emergency calls with 200."""
    lab = shared_site.lab
    factory = placed_in(lab.core.entered)
    at = Address(lab.v4.core, E_CSCF_PORT)
    made = Core(at, [], socket_factory=factory, pump=shared_site.pump)
    yield made
    made.close()


def answered(e_cscf: Core) -> Received:
    return e_cscf.requests("INVITE")[-1]


@every_way
@pytest.mark.parametrize("uri", [SOS, "urn:service:sos.fire", "tel:112"])
def test_a_registered_phone(
    site: Site, e_cscf: Core, version: int, transport: str, uri: str
) -> None:
    phone = site.phone(version, transport=transport)
    phone.register()
    call = phone.invite(uri, phone.sdp)
    call.wait(200)
    got = answered(e_cscf)
    assert got.message.uri == (SOS if uri == "tel:112" else uri)
    assert got.message.header("p-asserted-identity") == f"<{phone.identity}>"
    assert "route" not in got.message
    assert call.bye().status == 200
    told = site.core.wait_for(lambda message: message.is_request and message.uri == DESK)
    assert phone.identity.encode() in site.core.requests("MESSAGE")[-1].message.body
    assert told.message.method == "MESSAGE"


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_an_anonymous_caller(site: Site, e_cscf: Core, transport: str) -> None:
    """In clear, as there is nothing to protect it with; nothing else is taken from it."""
    phone = site.phone(transport=transport, offer=None)
    call = phone.invite(SOS, phone.sdp)
    call.wait(200)
    assert "p-asserted-identity" not in answered(e_cscf).message
    assert call.bye().status == 200
    assert phone.message("sip:b@example.com").status == 403


@pytest.mark.parametrize("protected", [True, False])
def test_an_emergency_registration(site: Site, e_cscf: Core, *, protected: bool) -> None:
    """It has SAs of its own, beside those that there are, and serves emergencies alone."""
    phone = site.phone()
    if protected:
        phone.register()
    phone.register(uri_params=";sos", protected=protected or None)
    call = phone.invite(SOS, phone.sdp)
    call.wait(200)
    assert call.bye().status == 200
    assert phone.message("sip:b@example.com").status == 403


def test_call_back(site: Site) -> None:
    phone = site.phone()
    phone.register(uri_params=";sos")
    assert site.core.request(phone.identity).status == 200


def test_everyone_else_is_served_as_before(site: Site) -> None:
    phone = site.phone()
    phone.register()
    site.talks(phone)
