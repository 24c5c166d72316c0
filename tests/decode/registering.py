"""The messages of a registration, on Gm and behind the P-CSCF, for tests of the decoder."""

import base64
from dataclasses import dataclass, field, replace
from typing import Any

from pcscf.decode.model import Endpoint, Sa, SipMessage
from tests.decode.esp_packets import AKA, PCSCF, SECOND, UE
from xfrm.model import AkaKeys

IMPI = "001010123456789@ims.example"
CORE, PCSCF_CORE = Endpoint("203.0.113.2", 5060), Endpoint("203.0.113.1", 5080)
NONCE = base64.b64encode(bytes(range(100, 132))).decode()
NAMES = ("spi-c", "spi-s", "port-c", "port-s")
PAIRS = (("hmac-sha-1-96", "aes-cbc"),)


def mechanisms(
    numbers: tuple[int, ...], pairs: tuple[tuple[str, str], ...], qs: tuple[str, ...] = ()
) -> str:
    told = "; ".join(f"{name}={number}" for name, number in zip(NAMES, numbers, strict=True))
    entries = [f"ipsec-3gpp; alg={alg}; ealg={ealg}; {told}" for alg, ealg in pairs]
    for n, q in enumerate(qs):
        entries[n] += f"; q={q}"
    return ", ".join(entries)


@dataclass
class Registering:
    """One registration. ``numbers`` are SPIs and ports of each side, as in its list."""

    ue: tuple[int, int, int, int] = (2001, 2002, 40001, 40002)
    pcscf: tuple[int, int, int, int] = (3001, 3002, 6101, 6100)
    aka: AkaKeys = AKA
    nonce: str = NONCE
    cseq: int = 1
    call_id: str = "first@ue"
    offered: tuple[tuple[str, str], ...] = PAIRS
    chosen: tuple[tuple[str, str], ...] = PAIRS
    qs: tuple[str, ...] = ()
    ends: tuple[str, str] = (UE, PCSCF)
    under: Sa | None = None  # the SA of SM1 and SM6
    time: int = 10
    _now: int = field(default=0, init=False)

    def _message(
        self, src: Endpoint, dst: Endpoint, *lines: str, sa: Sa | None = None
    ) -> SipMessage:
        self._now += 1
        data = "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()
        when = (self.time + self._now) * SECOND
        return SipMessage(self.time + self._now, when, src, dst, "UDP", sa, data)

    def _request(self, cseq: int, nonce: str, *lines: str) -> tuple[str, ...]:
        return (
            "REGISTER sip:ims.example SIP/2.0",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} REGISTER",
            "To: <sip:alice@ims.example>",
            f'Authorization: Digest username="{IMPI}", realm="ims.example", nonce="{nonce}"',
            *lines,
        )

    def _response(self, *lines: str) -> tuple[str, ...]:
        head = ("SIP/2.0 401 Unauthorized", f"Call-ID: {self.call_id}")
        return (*head, f"CSeq: {self.cseq} REGISTER", *lines)

    @property
    def client(self) -> str:
        return f"Security-Client: {mechanisms(self.ue, self.offered)}"

    @property
    def server(self) -> str:
        return mechanisms(self.pcscf, self.chosen, self.qs)

    def sm1(self, port: int = 5060) -> SipMessage:
        ue, pcscf = Endpoint(self.ends[0], port), Endpoint(self.ends[1], 5060)
        lines = self._request(self.cseq, "", self.client)
        return self._message(ue, pcscf, *lines, sa=self.under)

    def sm2(self) -> SipMessage:
        return self._message(PCSCF_CORE, CORE, *self._request(self.cseq, ""))

    def sm5(self, ck: str | None = None, ik: str | None = None) -> SipMessage:
        ck, ik = ck or self.aka.ck.hex(), ik or self.aka.ik.hex().upper()
        digest = f'Digest realm="a, b", ck="{ck}", nonce="{self.nonce}",  ik={ik}'
        return self._message(CORE, PCSCF_CORE, *self._response(f"WWW-Authenticate: {digest}"))

    def sm6(self) -> SipMessage:
        ue, pcscf = Endpoint(self.ends[0], 5060), Endpoint(self.ends[1], 5060)
        digest = f'WWW-Authenticate: Digest nonce="{self.nonce}", realm="a, b"'
        server = f"Security-Server: {self.server}"
        return self._message(pcscf, ue, *self._response(digest, server), sa=self.under)

    def sm7(self, spi: int | None = None) -> SipMessage:
        ue = Endpoint(self.ends[0], self.ue[2])
        pcscf = Endpoint(self.ends[1], self.pcscf[3])
        sa = Sa(spi or self.pcscf[1], *self.ends)
        verify = f"Security-Verify: {self.server}"
        lines = self._request(self.cseq + 1, self.nonce, self.client, verify)
        return self._message(ue, pcscf, *lines, sa=sa)

    def again(self, **changes: Any) -> "Registering":
        told: dict[str, Any] = {"cseq": self.cseq + 2, "time": self.time + 100} | changes
        return replace(self, **told)
