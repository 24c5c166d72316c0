"""Short ways to write what the DNS holds, and hops."""

from pcscf.core.dns_records import Question, Records, RecordType
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.policy import NextHop

Zone = dict[Question, Records]


def A(name: str, *addresses: str) -> tuple[Question, Records]:  # noqa: N802 - as in a zone file
    return Question(name, RecordType.A), addresses


def AAAA(name: str, *addresses: str) -> tuple[Question, Records]:  # noqa: N802 - likewise
    return Question(name, RecordType.AAAA), addresses


def udp(host: str, port: int = 5060) -> NextHop:
    return NextHop(Transport.UDP, Endpoint(host, port))


def tcp(host: str, port: int = 5060) -> NextHop:
    return NextHop(Transport.TCP, Endpoint(host, port))
