"""The phone against the core, on loopback: registration, rotation, requests both ways."""

import pytest

from tests.peers import offers
from tests.peers.aka import MacError, SyncError, Usim
from tests.peers.core import DROP, Core, Reaction
from tests.peers.milenage import Milenage
from tests.peers.peer import NothingCameError, UnexpectedAnswerError
from tests.peers.sas import Numbers
from tests.peers.text import Message, auth_parameters, host_port, sent_by, uri_of


def registers(core: Core) -> list[Message]:
    return [received.message for received in core.requests("REGISTER")]


def test_registers_and_is_clean(phone, core):
    phone.register()
    first, second = registers(core)
    assert sent_by(first.elements("via")[0])[1].port != phone.current.own.port_s
    assert sent_by(second.elements("via")[0])[1].port == phone.current.own.port_s
    assert host_port(uri_of(second.header("contact"))).port == phone.current.own.port_s
    assert first.header("call-id") == second.header("call-id")
    assert second.cseq[0] == first.cseq[0] + 1
    assert phone.granted == 600_000
    assert phone.identities == list(phone.subscription.impus)
    phone.assert_clean()


def test_security_headers_of_both_registers(phone, core):
    phone.register()
    first, second = registers(core)
    assert "security-verify" not in first
    assert second.values("security-client") == first.values("security-client")
    assert second.values("security-verify") == phone.current.server
    assert first.header("require") == first.header("proxy-require") == "sec-agree"


def test_keys_go_to_the_installer(phone, core):
    phone.register()
    (sas,) = phone.installer.installed
    vector_keys = phone.subscription.functions
    rand = phone.aka_runs[-1]
    assert (sas.ck, sas.ik) == (rand.ck, rand.ik)
    assert vector_keys.k.hex() not in repr(sas)
    assert (sas.alg, sas.ealg) == ("hmac-sha-1-96", "aes-cbc")
    assert sas.own == phone.current.own
    assert sas.peer == Numbers(5001, 5002, core.address.port, core.address.port)


def test_client_port_changes_and_server_port_stays(phone, core):
    phone.register()
    before = phone.current
    phone.register()
    assert phone.current.own.port_s == before.own.port_s
    assert phone.current.own.port_c != before.own.port_c
    assert not {*before.own[:2]} & {*phone.current.own[:2]}
    assert phone.sets == [before, phone.current]
    phone.drop_old()
    assert phone.sets == [phone.current]
    # Under the old set went the re-REGISTER, with its Security-Verify and credentials.
    renewal = registers(core)[2]
    assert renewal.values("security-verify") == before.server
    assert auth_parameters(renewal.header("authorization"))["nonce"]
    phone.assert_clean()


def test_request_from_the_phone(phone, core):
    phone.register()
    answer = phone.message("tel:+15550000002")
    assert answer.status == 200
    request = core.requests("MESSAGE")[0].message
    assert request.elements("route") == [
        f"<sip:{core.address};lr>",
        f"<sip:orig@{core.address};lr>",
    ]
    assert request.values("security-verify") == phone.current.server
    phone.assert_clean()


def test_request_to_the_phone(phone, core, transport):
    phone.register()
    impu = phone.subscription.impus[0]
    answer = core.request(impu, body=b"hi", transport=transport)
    assert answer.status == 200
    (received,) = phone.requests("MESSAGE")
    assert received.origin.role == "us"
    if transport == "UDP":  # TS 33.203 7.1: the answer goes uc -> ps
        assert answer.origin.remote.port == phone.current.own.port_c
    else:
        assert answer.origin.remote.port == phone.current.own.port_s


def test_answer_from_us_on_demand(make_phone, core):
    phone = make_phone()
    phone.answer_from_us = True
    core.registrar.behaviour.more_in_401 = []
    phone.register()
    answer = core.request(phone.subscription.impus[0])
    assert answer.origin.remote == phone.contact_at(phone.current)


def test_phone_answers_as_told(phone, core):
    phone.register()
    phone.answers["OPTIONS"] = (486, "Busy Here", [("Retry-After", "5")])
    answer = core.request(phone.subscription.impus[0], "OPTIONS")
    assert answer.status == 486
    assert answer.message.header("retry-after") == "5"


def test_deregistration(phone, core):
    phone.register()
    phone.deregister()
    assert core.bindings(phone.subscription.impus[0]) == []
    assert phone.sets == [] == phone.installer.installed
    assert phone.current is None


def test_star_contact(phone, core):
    phone.register()
    phone.deregister(contact="*")
    assert core.bindings(phone.subscription.impus[0]) == []


def test_wrong_res(phone, core):
    phone.take_challenge(phone.sm1())
    phone.install()
    assert phone.sm7(res=b"x" * 8).status == 403
    phone.abandon()
    assert phone.sets == []
    phone.register()


def test_resynchronisation(phone, core):
    phone.usim.sqn_ms = 1_000_000
    phone.register()
    assert phone.usim.sqn_ms == 1_000_001
    assert len(registers(core)) == 3
    assert auth_parameters(registers(core)[1].header("authorization"))["auts"]


def test_resynchronisation_by_hand(phone, core):
    phone.usim.sqn_ms = 77
    with pytest.raises(SyncError) as failure:
        phone.take_challenge(phone.sm1())
    offered = phone.pending.own
    answer = phone.resync(failure.value)
    assert phone.pending.own != offered
    phone.take_challenge(answer)


def test_mac_failure(phone, core):
    functions = phone.usim.functions
    phone.usim = Usim(Milenage(functions.k, bytes(16)))
    with pytest.raises(MacError):
        phone.register()
    assert phone.mac_failure().status == 403
    credentials = auth_parameters(registers(core)[-1].header("authorization"))
    assert credentials["nonce"]
    assert credentials["response"] == ""
    assert "auts" not in credentials


@pytest.mark.parametrize("qop", ["auth", "auth-int", "auth,auth-int"])
def test_qop(phone, core, qop):
    core.registrar.behaviour.spelling = type(core.registrar.behaviour.spelling)("none", qop=qop)
    phone.register()
    credentials = auth_parameters(registers(core)[-1].header("authorization"))
    assert credentials["qop"] == qop.split(",", maxsplit=1)[0]


@pytest.mark.parametrize("profile", ["samsung", "xiaomi", "nokia", "null-only", "sha1-aes"])
def test_profiles(make_phone, core, phone, profile):
    phone.offer = offers.PROFILES[profile]
    phone.register()
    null = profile == "null-only"
    assert phone.current.chosen.ealg == ("null" if null else "aes-cbc")


def test_phone_without_ipsec(make_phone, core, transport):
    phone = make_phone(offer=None, transport=transport)
    phone.register()
    assert phone.current is None
    assert "require" not in registers(core)[0]
    assert phone.message("sip:b@example.com").status == 200
    assert core.request(phone.subscription.impus[0]).status == 200


def test_knobs_of_a_register(make_phone, core):
    phone = make_phone(instance="urn:gsma:imei:90420156-025763-0")
    impu = phone.subscription.impus[1]
    own = Numbers(11, 12, 23456, 23457)
    phone.send_sm1(
        numbers=own,
        impu=impu,
        from_uri="tel:+1555",
        expires=None,
        contact_params=";expires=600",
        uri_params=";sos",
        via_port=6666,
        sec_agree=("Supported",),
        integrity_protected="yes",
        headers=(("P-Access-Network-Info", "3GPP-E-UTRAN-FDD"),),
    )
    request = core.wait_for(lambda message: message.method == "REGISTER").message
    assert request.header("to") == f"<{impu}>"
    assert request.header("from").startswith("<tel:+1555>")
    assert "expires" not in request
    contact = request.header("contact")
    assert ";sos>" in contact
    assert contact.endswith('+sip.instance="<urn:gsma:imei:90420156-025763-0>";expires=600')
    assert sent_by(request.header("via"))[1].port == 6666
    assert "require" not in request
    assert request.values("supported")[0] == "sec-agree"
    assert "spi-c=11;spi-s=12;port-c=23456;port-s=23457" in request.header("security-client")
    assert 'integrity-protected="yes"' in request.header("authorization")
    assert request.header("p-access-network-info") == "3GPP-E-UTRAN-FDD"


@pytest.mark.parametrize("rewrite", [offers.left_out, offers.altered, offers.respelled])
def test_security_verify_is_rewritten(phone, core, rewrite):
    phone.take_challenge(phone.sm1())
    phone.install()
    phone.sm7(verify=rewrite)
    server = phone.pending.server
    assert registers(core)[-1].values("security-verify") == rewrite(server) != server


def test_same_bytes_again(make_phone, core):
    phone = make_phone()
    sent = phone.send_sm1()
    phone.finish(sent)
    sent.repeat()
    core.wait_for(lambda message: message.method == "REGISTER", since=1)
    assert [one.repeated for one in core.received] == [False, True]
    assert core.received[0].data == core.received[1].data


def test_silent_core_and_retransmission(make_phone, core):
    phone = make_phone()
    phone.t1 = 0.02
    core.next += [DROP, Reaction(delay=0.05)]
    with pytest.raises(NothingCameError, match="REGISTER"):
        phone.finish(phone.send_sm1(), timeout=0.1)
    assert any(received.repeated for received in core.received)
    phone.register()


def test_refused_registration(phone, core):
    core.next.append(Reaction(status=480, reason="Temporarily Unavailable"))
    with pytest.raises(UnexpectedAnswerError, match=r"wanted 401, got 'SIP/2\.0 480"):
        phone.register()


def test_restart(phone, core):
    phone.register()
    before = phone.current.own
    phone.restart()
    assert phone.sets == [] == phone.installer.installed
    phone.register()
    assert phone.current.own != before
    first, third = registers(core)[0], registers(core)[2]
    assert first.header("call-id") != third.header("call-id")
    assert "security-verify" not in third
    phone.assert_clean()


def test_change_of_address(phone, core):
    phone.register()
    phone.restart("127.34.0.1")
    phone.register()
    assert host_port(core.bindings(phone.subscription.impus[0])[-1].uri).host == "127.34.0.1"


def test_shorter_expiry_is_noticed(phone, core):
    core.registrar.behaviour.max_expires = 1800
    phone.register()
    assert phone.granted == 1800
    core.registrar.behaviour.expires_header = True
    core.registrar.behaviour.max_expires = 900
    phone.register()
    assert phone.granted == 900


def test_closing_twice(phone, core):
    phone.register()
    for _ in range(2):
        phone.close()
    assert phone.installer.installed == []
