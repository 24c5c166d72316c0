"""A phone for scripts of the core: what it would send, and what it remembers."""

from dataclasses import dataclass

from pcscf.core.flow import Endpoint, Flow, Side, Transport
from pcscf.sip.message import Request, Response
from pcscf.sip.security import SecMechanism
from tests.core.stage import GM, GM6, IMPI, IMPU, NONCE, PORT_PS, REALM, UE, Stage
from xfrm.model import SaSet


@dataclass
class Phone:
    """What a phone would send; its numbers are there to be changed by a test."""

    stage: Stage
    host: str = UE
    impi: str = IMPI
    impu: str = IMPU
    port_uc: int = 40001
    port_us: int = 40002
    spi_uc: int = 1234567801
    spi_us: int = 1234567802
    transport: Transport = Transport.UDP
    instance: str = ""
    contact_params: str = ""
    cseq: int = 0
    call_id: str = "call-1"
    security_client: str | None = None
    verify: str = ""
    require: str = "sec-agree"
    to: str = ""

    @property
    def gm(self) -> str:
        return GM6 if ":" in self.host else GM

    @property
    def offer(self) -> str:
        if self.security_client is not None:
            return self.security_client
        return ", ".join(
            f"ipsec-3gpp; alg=hmac-sha-1-96; ealg={ealg}; spi-c={self.spi_uc}; "
            f"spi-s={self.spi_us}; port-c={self.port_uc}; port-s={self.port_us}"
            for ealg in ("aes-cbc", "null")
        )

    def clear_flow(self) -> Flow:
        return Flow(self.transport, Side.CLEAR, Endpoint(self.gm, 5060), Endpoint(self.host, 5060))

    def protected_flow(self) -> Flow:
        """SA 1: the phone's client port to ps."""
        return Flow(
            self.transport,
            Side.PROTECTED,
            Endpoint(self.gm, PORT_PS),
            Endpoint(self.host, self.port_uc),
        )

    def to_phone_flow(self) -> Flow:
        """SA 3: our client port to the phone's server port."""
        sa_set = self.set_in_kernel()
        local, remote = Endpoint(self.gm, sa_set.port_pc), Endpoint(self.host, self.port_us)
        return Flow(self.transport, Side.PROTECTED, local, remote)

    def new_numbers(self, *, restart: bool = False) -> None:
        """TS 33.203 7.4: uc and the SPIs change; us stays unless the phone began anew."""
        self.port_uc += 10
        self.spi_uc += 10
        self.spi_us += 10
        if restart:
            self.port_us += 10

    def message(
        self, method: str, uri: str, *lines: str, branch: str = "", body: bytes = b""
    ) -> bytes:
        self.cseq += 1
        host = f"[{self.host}]" if ":" in self.host else self.host
        branch = branch or f"z9hG4bK{self.call_id}p{self.port_uc}x{self.cseq}"
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {host}:{self.port_us};branch={branch}",
            "Max-Forwards: 70",
            f"From: <{self.impu}>;tag=f1",
            f"To: <{self.to or self.impu}>",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} {method}",
            *lines,
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        return "\r\n".join(head).encode() + body

    def register(
        self,
        *lines: str,
        nonce: str = "",
        response: str = "",
        expires: int = 600,
        contact: str = "",
        auth: str = "",
        branch: str = "",
    ) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        contact = contact or (
            f"<sip:ue@{host}:{self.port_us}{self.contact_params}>;expires={expires}"
            + (f';+sip.instance="{self.instance}"' if self.instance else "")
        )
        security = [f"Security-Client: {self.offer}"] if self.offer else []
        return self.message(
            "REGISTER",
            f"sip:{REALM}",
            f"Contact: {contact}",
            f'Authorization: Digest username="{self.impi}", realm="{REALM}", uri="sip:{REALM}", '
            f'nonce="{nonce}", response="{response}"{auth}',
            f"Require: {self.require}",
            "Proxy-Require: sec-agree",
            "Supported: path",
            *security,
            *lines,
            branch=branch,
        )

    def answers(self, request: Request, status: int, *lines: str) -> bytes:
        """A response to a request of the core."""
        head = [f"SIP/2.0 {status} X"]
        head += [
            line
            for name in ("via", "from", "to", "call-id", "cseq")
            for line in request.lines(name)
        ]
        return "\r\n".join([*head, *lines, "Content-Length: 0", "", ""]).encode(
            "utf-8", "surrogateescape"
        )

    def says(self, data: bytes) -> None:
        """Send under the SAs."""
        self.stage.receive(self.protected_flow(), data)

    def says_in_clear(self, data: bytes) -> None:
        self.stage.receive(self.clear_flow(), data)

    def answer(self, **more: object) -> bytes:
        """SM7: the response, with both lists."""
        return self.register(
            f"Security-Verify: {self.verify}",
            nonce=NONCE,
            response="0" * 32,
            **more,  # type: ignore[arg-type]
        )

    def take_server(self, response: Response) -> list[SecMechanism]:
        """Read Security-Server off the 401."""
        self.verify = response.get("security-server") or ""
        return SecMechanism.parse_many([self.verify])

    def challenged(self) -> list[SecMechanism]:
        """SM1 to SM6, in clear."""
        self.stage.receive(self.clear_flow(), self.register())
        return self.take_server(self.stage.challenge())

    def registered(self, expires: int = 600) -> None:
        """SM1 to SM12, in clear first."""
        self.challenged()
        self.stage.receive(self.protected_flow(), self.answer())
        assert self.stage.accept(expires=expires).status == 200

    def rechallenged(self) -> Flow:
        """SM1 to SM6 under the SAs, with new numbers; gives the old flow."""
        old = self.protected_flow()
        renewal = self.renewal()
        self.stage.receive(old, renewal)
        self.take_server(self.stage.challenge())
        return old

    def renewal(self) -> bytes:
        """SM1 under the SAs, with new numbers from now on."""
        old_verify = self.verify
        self.new_numbers()
        return self.register(f"Security-Verify: {old_verify}", nonce=NONCE, response="1")

    def reregistered(self) -> Flow:
        """SM1 to SM12 under the SAs, with new numbers; gives the old flow."""
        old = self.rechallenged()
        self.stage.receive(self.protected_flow(), self.answer())
        assert self.stage.accept().status == 200
        return old

    def set_in_kernel(self) -> SaSet:
        (found,) = [s for s in self.stage.kernel if s.ue == self.host and s.port_uc == self.port_uc]
        return found
