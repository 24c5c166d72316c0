"""Requests of a phone where ``test_phone`` does not look."""

from tests.peers import offers


def test_request_knobs(phone, core):
    phone.register()
    old = phone.current
    phone.register()
    sent = phone.start_request(
        "OPTIONS",
        "sip:b@example.com",
        over=old,
        route=["<sip:elsewhere;lr>"],
        verify=offers.left_out,
        sec_agree=("Proxy-Require",),
        headers=[("X-One", "1")],
    )
    assert phone.finish(sent).status == 200
    request = core.requests("OPTIONS")[0]
    assert request.message.elements("route") == ["<sip:elsewhere;lr>"]
    assert "security-verify" not in request.message
    assert "require" not in request.message
    assert request.message.header("x-one") == "1"
    assert request.origin.remote.port == old.own.port_c


def test_message_over_udp_after_a_registration_over_tcp(phone, core):
    phone.register()
    phone.message("sip:b@example.com", transport="UDP")
    assert core.requests("MESSAGE")[0].origin.transport == "UDP"


def test_connection_is_opened_again_after_its_end(phone, core):
    phone.transport = "TCP"
    phone.register()
    phone.message("sip:b@example.com")
    first = phone.current.link
    core._tcp_port.links[-1].close()
    assert first.closed.wait(5)
    assert phone.message("sip:b@example.com").status == 200
    ports = [one.origin.remote.port for one in core.requests("MESSAGE")]
    assert ports == [phone.current.own.port_c] * 2


def test_no_answer_when_told(phone, core):
    phone.register()
    phone.answers["MESSAGE"] = None
    sent = core.start_request(phone.identity, transport=phone.transport)
    phone.wait_for(lambda message: message.method == "MESSAGE")
    assert sent.answers == []


def test_default_identity_is_the_networks_first(phone, core):
    assert phone.identity == phone.subscription.impus[0]
    phone.register()
    phone.identities.reverse()
    assert phone.identity == phone.subscription.impus[-1]
