"""The core ends or shortens registrations by reg event, with real SAs behind them (RFC 3680)."""

import time

import pytest

from tests.netns.pcscf_process import PcscfProcess
from tests.netns.site import LINGER, SLACK, Site, every_way
from tests.peers.peer import Received
from tests.peers.phone import Phone
from tests.peers.text import parse

pytestmark = [pytest.mark.esp, pytest.mark.usefixtures("overheard")]

GRACE = 1.0  # seconds


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    return {
        "security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}",
        "reg_event": f"grace = {GRACE}",
    }


def document(phone: Phone, state: str, event: str, more: str = "", version: int = 0) -> bytes:
    """What the registrar says of a phone's contact."""
    uri = phone.contact.partition("<")[2].partition(">")[0]
    return (
        f'<?xml version="1.0"?><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" '
        f'version="{version}" state="full">'
        f'<registration aor="{phone.identity}" id="a" state="active">'
        f'<contact id="c" state="{state}" event="{event}" {more}><uri>{uri}</uri></contact>'
        "</registration></reginfo>"
    ).encode()


def subscribed(site: Site, phone: Phone) -> Received:
    """The P-CSCF's SUBSCRIBE for this phone's user."""
    return site.core.wait_for(
        lambda message: (
            message.is_request and message.method == "SUBSCRIBE" and phone.identity in message.uri
        )
    )


@every_way
def test_a_contact_that_the_core_ends(site: Site, version: int, transport: str) -> None:
    """The phone's own NOTIFY still comes, under its SAs; then they go."""
    phone = site.phone(version, transport=transport)
    phone.register()
    ours = subscribed(site, phone)
    assert ours.message.get("event") == "reg"
    assert ours.message.header("p-asserted-identity").startswith("<sip:")
    dialog = phone.subscribe(phone.identity, "reg")
    own = site.core.requests("SUBSCRIBE")[-1]
    body = document(phone, "terminated", "deactivated")
    assert site.core.finish(site.core.start_notify(ours, body)).status == 200
    site.wait_for_states(4, phone)
    assert phone.message("sip:b@example.com").status == 403
    sent = site.core.start_notify(own, body, "terminated;reason=noresource")
    assert site.core.finish(sent).status == 200
    dialog.wait_for("NOTIFY")
    site.wait_for_states(0, phone)
    assert site.core.request(phone.identity).status == 404


def test_a_phone_that_has_no_subscription_is_let_go_after_a_while(site: Site) -> None:
    phone = site.phone()
    phone.register()
    body = document(phone, "terminated", "rejected")
    began = time.monotonic()
    assert site.core.finish(site.core.start_notify(subscribed(site, phone), body)).status == 200
    site.wait_for_states(0, phone)
    assert time.monotonic() - began > GRACE / 2


def test_a_registration_that_is_shortened(site: Site) -> None:
    """It ends when the core says; the phone may register anew until then."""
    phone = site.phone()
    phone.register()
    ours = subscribed(site, phone)
    body = document(phone, "active", "shortened", 'expires="2"')
    assert site.core.finish(site.core.start_notify(ours, body)).status == 200
    assert site.core.request(phone.identity).status == 200
    time.sleep(2.2)
    assert site.core.request(phone.identity).status == 480


def test_registering_again_in_time_undoes_it(site: Site) -> None:
    phone = site.phone()
    phone.register()
    body = document(phone, "active", "shortened", 'expires="2"')
    site.core.finish(site.core.start_notify(subscribed(site, phone), body))
    phone.register()
    time.sleep(2.2)
    site.talks(phone)


def test_a_notify_of_nobodys_subscription(site: Site, pcscf: PcscfProcess) -> None:
    phone = site.phone()
    phone.register()
    ours = subscribed(site, phone)
    guessed = ours.data.replace(ours.message.header("call-id").encode(), b"guessed")
    forged = Received(parse(guessed), guessed, ours.origin)
    body = document(phone, "terminated", "deactivated")
    assert site.core.finish(site.core.start_notify(forged, body)).status == 481
    site.talks(phone)
    assert "event_failed" not in pcscf.log
