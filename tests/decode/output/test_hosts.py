from pcscf.decode.model import Endpoint, SipMessage
from pcscf.decode.output.hosts import Hosts
from tests.decode.samples import CORE, PCSCF, PCSCF_CORE, UE, an_sa, seen, sip

OTHER_UE, SCSCF = Endpoint("192.0.2.12", 5060), Endpoint("198.51.100.3", 5060)


def register(vias: int, call_id: str = "c") -> bytes:
    lines = ["Via: SIP/2.0/UDP a"] * vias
    return sip("REGISTER sip:home SIP/2.0", *lines, f"Call-ID: {call_id}")


def names(hosts: Hosts, *ends: Endpoint) -> list[str]:
    return [hosts.name(end.host) for end in ends]


def test_a_registration_names_everyone_on_its_way() -> None:
    hosts = Hosts()
    assert hosts.learn(seen(register(1), UE, PCSCF)) == [UE.host, PCSCF.host]
    assert hosts.learn(seen(register(2), PCSCF_CORE, CORE)) == [PCSCF_CORE.host, CORE.host]
    assert hosts.learn(seen(register(3), CORE, SCSCF)) == [SCSCF.host]
    assert hosts.learn(seen(register(1, "d"), OTHER_UE, PCSCF)) == [OTHER_UE.host]
    assert hosts.learn(seen(register(1), UE, PCSCF)) == []
    assert names(hosts, UE, OTHER_UE, PCSCF, PCSCF_CORE, CORE, SCSCF) == [
        "UE", "UE2", "P-CSCF", "P-CSCF", "core", "core2",
    ]  # fmt: skip


def test_who_talks_with_whom_we_know() -> None:
    hosts = Hosts()
    hosts.learn(seen(register(1), UE, PCSCF))
    message = sip("MESSAGE sip:b SIP/2.0")
    hosts.learn(seen(message, PCSCF, OTHER_UE, sa=an_sa()))
    assert hosts.learn(seen(message, CORE, PCSCF)) == []  # in clear: anybody
    hosts.learn(seen(register(2), PCSCF_CORE, SCSCF))
    hosts.learn(seen(message, CORE, PCSCF_CORE))
    hosts.learn(seen(message, UE, Endpoint("192.0.2.2", 1)))
    assert names(hosts, OTHER_UE, CORE, SCSCF) == ["UE2", "core2", "core"]
    assert hosts.name("192.0.2.2") == "P-CSCF2"


def test_names_in_the_order_of_a_signals_way() -> None:
    hosts = Hosts({"192.0.2.99": "tester"})
    hosts.learn(seen(register(2), PCSCF_CORE, CORE))
    hosts.learn(seen(register(1), UE, PCSCF))
    assert [name for _, name in hosts.named()] == ["UE", "P-CSCF", "P-CSCF2", "core", "tester"]


def test_gm_is_where_a_phone_is() -> None:
    hosts = Hosts()
    answer = seen(sip("SIP/2.0 200 OK"), PCSCF, UE)
    assert not hosts.on_gm(answer)
    hosts.learn(seen(register(1), UE, PCSCF))
    assert hosts.on_gm(answer)
    assert not hosts.on_gm(seen(sip("SIP/2.0 200 OK"), PCSCF, CORE))


def test_hosts_that_nothing_tells_about_keep_their_addresses() -> None:
    hosts = Hosts()
    assert hosts.learn(seen(sip("MESSAGE sip:b SIP/2.0"), UE, PCSCF)) == []
    assert hosts.learn(seen(b"REGISTER sip:b SIP/2.0\r\nbroken\r\n\r\n", UE, PCSCF)) == []
    assert names(hosts, UE) == [UE.host]


def test_a_name_that_was_given_stays() -> None:
    hosts = Hosts({UE.host: "alice", CORE.host: "scscf"})
    assert hosts.learn(seen(register(1), UE, PCSCF)) == [PCSCF.host]
    assert hosts.learn(seen(register(2), PCSCF, CORE)) == []
    hosts.learn(seen(register(1), OTHER_UE, PCSCF))
    assert names(hosts, UE, PCSCF, CORE, OTHER_UE) == ["alice", "P-CSCF", "scscf", "UE"]


def test_there_is_an_end_to_names() -> None:
    hosts = Hosts()
    for number in range(2000):
        phone = Endpoint(f"10.0.{number >> 8}.{number & 255}", 5060)
        hosts.learn(SipMessage(1, 0, phone, PCSCF, "UDP", None, register(1)))
    assert (hosts.name("10.0.3.0"), hosts.name("10.0.7.0")) == ("UE769", "10.0.7.0")
