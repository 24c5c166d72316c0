"""What hosts are called: UE, P-CSCF, core. Learned from who sends what to whom.

A REGISTER with one Via comes from a phone. Whoever sends it on is the P-CSCF with its other
address, which gets the same name. From there it is one step to the others. A host that nothing
tells about keeps its address.
"""

from collections.abc import Mapping
from typing import Final

from pcscf.decode.model import SipMessage
from pcscf.decode.output import glance
from pcscf.sip.message import Request

_UE: Final = "UE"
_PCSCF: Final = "P-CSCF"
_CORE: Final = "core"

_NAMES: Final = 1000  # more hosts keep their addresses
_REGISTERS: Final = 10_000  # Call-IDs remembered


class Hosts:
    """Names of hosts. ``given`` are those by the user; they are not doubted."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self._names = dict(given or {})
        self._roles: dict[str, str] = {}
        self._numbers = dict.fromkeys((_UE, _PCSCF, _CORE), 0)
        self._core_side: set[str] = set()  # addresses of a P-CSCF that it sends REGISTERs on from
        self._received: dict[str, str] = {}  # Call-ID of a REGISTER, the host that it came to

    def name(self, host: str) -> str:
        """Give what the host is called; its address if that is all."""
        return self._names.get(host, host)

    def named(self) -> list[tuple[str, str]]:
        """Give addresses and names: phones first, the core last, then what the user alone named."""
        order = list(self._numbers)
        return sorted(
            self._names.items(),
            key=lambda item: order.index(self._roles[item[0]]) if item[0] in self._roles else 3,
        )

    def on_gm(self, message: SipMessage) -> bool:
        """Whether one of the two ends is a phone."""
        roles = self._roles
        return _UE in (roles.get(message.src.host), roles.get(message.dst.host))

    def learn(self, message: SipMessage) -> list[str]:
        """Look at who talks to whom; give the hosts that have a name from now on."""
        src, dst = message.src.host, message.dst.host
        roles = self._roles
        if src in roles and dst in roles:
            return []
        if message.data.startswith(b"REGISTER "):
            return self._learn_register(message, src, dst)
        if src in roles:
            return self._call_other(dst, src, message)
        return self._call_other(src, dst, message) if dst in roles else []

    def _learn_register(self, message: SipMessage, src: str, dst: str) -> list[str]:
        register, call_id = message.parsed, glance.call_id(message.data)
        if not isinstance(register, Request) or call_id is None:
            return []
        if len(register.elements("via")) == 1:
            if len(self._received) < _REGISTERS:
                self._received.setdefault(call_id, dst)
            return self._call(src, _UE) + self._call(dst, _PCSCF)
        pcscf = self._received.get(call_id)
        if self._roles.get(src, _PCSCF) == _PCSCF:
            self._core_side.add(src)
        return self._call(src, _PCSCF, self._names.get(pcscf or "")) + self._call(dst, _CORE)

    def _call_other(self, host: str, known: str, message: SipMessage) -> list[str]:
        """Give a role to whom a host talks with, if that host's own role tells it."""
        role = self._roles[known]
        if role == _PCSCF:
            if message.sa:
                return self._call(host, _UE)
            return self._call(host, _CORE) if known in self._core_side else []
        return self._call(host, _PCSCF if role == _UE else _CORE)

    def _call(self, host: str, role: str, name: str | None = None) -> list[str]:
        """Give a host its role, and a name where it has none."""
        if host in self._roles or len(self._roles) >= _NAMES:
            return []
        self._roles[host] = role
        if host in self._names:
            return []
        if name is None:
            self._numbers[role] += 1
            number = self._numbers[role]
            name = role if number == 1 else f"{role}{number}"
        self._names[host] = name
        return [host]
