"""SAs and policies in the Linux kernel: the protocol, and its XFRM netlink side."""

import contextlib
import errno
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from xfrm import wire
from xfrm.algorithms import Suite
from xfrm.errors import KernelRefusal
from xfrm.layout import Msg
from xfrm.model import (
    AkaKeys,
    FourSas,
    InstalledSa,
    Policy,
    Ports,
    SaId,
    SaSet,
    SaUsage,
    SecurityAssociation,
    SelectorMode,
    exact_addresses,
)
from xfrm.netlink import XfrmSocket, refusal
from xfrm.wire import Answer

_NO_KEYS: Final = AkaKeys(bytes(16), bytes(16))
# Addresses of documentation (RFC 5737, RFC 3849): no phone has them.
_PROBE_ADDRESSES: Final = (("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2"))
_PROBE_LIFETIME: Final = 10  # seconds, should we be killed between adding and deleting
_SPI_MIN, _SPI_MAX = 256, 2**32 - 1  # RFC 4303 2.1: 1 to 255 are reserved
_SPI_RESERVED: Final = 1


class SaKernel(Protocol):
    """Who holds the SAs: the kernel, or a dict in tests (``xfrm.memory``).

    All SAs and policies carry one ``reqid``, which tells ours from all others.
    Everything may raise KernelRefusal.
    """

    def probe(self, suites: Iterable[Suite]) -> dict[Suite, str]:
        """Try each suite on throw-away SAs; return those that fail, with the reason."""

    def open(self) -> int:
        """Install the fixed policies, and remove SAs and policies left by a crash.

        Returns the number of SAs removed. Call it before the protected ports are
        bound. Of several processes with one reqid, one does it, before the others start.
        """

    def reach(self) -> None:
        """Ask for an SA that nobody has: KernelRefusal unless the kernel says so."""

    def install(self, sa_set: SaSet, keys: AkaKeys, lifetime: int) -> None:
        """Install the four SAs with a hard lifetime in seconds, 0 for ever.

        On KernelRefusal none of the four is there.
        """

    def extend(self, sa_set: SaSet, lifetime: int) -> None:
        """Let the four SAs live ``lifetime`` seconds from now; counters and keys stay."""

    def remove(self, sa_set: SaSet) -> None:
        """Remove the four SAs; one that is gone already is no error."""

    def dump(self) -> list[InstalledSa]:
        """Return all SAs of ours with their counters, without keys."""

    def read(self, sa: SaId) -> InstalledSa | None:
        """Return one SA with its counters, without keys, whosever it is; None if there is none."""

    def present(self) -> frozenset[SaId]:
        """Return the names of all SAs of ours; cheaper than ``dump``."""

    def usage(self) -> Iterator[SaUsage]:
        """Read the counters of all SAs of ours, as they are taken from the iterator.

        Take some at a time where there are many: other calls may come in between. An SA
        that comes or goes meanwhile may be left out. To give up, drop the iterator.
        """

    def close(self) -> None:
        """Undo ``open``: remove all SAs and policies of ours. Ends the use of this object.

        The policies go last, but go: close the protected sockets first.
        """


class XfrmKernel:
    """SaKernel over XFRM netlink. Calls block for some microseconds; not for several threads."""

    def __init__(
        self, reqid: int, policies: Sequence[Policy], selectors: SelectorMode = SelectorMode.STRICT
    ) -> None:
        self._reqid = reqid
        self._policies = tuple(policies)
        self._selectors = selectors
        self._netlink = XfrmSocket()
        self._is_owner = False

    def reach(self) -> None:
        """Ask for an SA of a reserved SPI (RFC 4303 2.1)."""
        nobodys = SaId(_PROBE_ADDRESSES[0][0], _SPI_RESERVED)
        found = self._netlink.get(lambda sequence: wire.get_sa(nobodys, sequence))
        if isinstance(found, Answer) and found.code != errno.ESRCH:
            raise refusal("look up an SA", found)

    # -- SA sets ------------------------------------------------------------------------------

    def install(self, sa_set: SaSet, keys: AkaKeys, lifetime: int) -> None:
        """Install the four SAs in one send; what a refusal leaves half done is undone."""
        sas = self._associations(sa_set, keys, lifetime)
        try:
            answers = self._netlink.ask(wire.new_sa, sas)
        except KernelRefusal:
            self._delete_unanswered(sas)
            raise
        if any(answer.code for answer in answers):
            self._delete(_granted(sas, answers))
            raise _sa_refusal("install", sas, answers)

    def extend(self, sa_set: SaSet, lifetime: int) -> None:
        """Change the hard lifetime with UPDSA.

        The kernel counts it from the SA's creation, so that time is asked for: it
        is the same for all four, to a second. An update must name keys that fit the
        algorithms; it does not use them (see ``wire.update_sa``), so they are zeros.
        """
        age = int(time.time()) - self._added(sa_set.ids[0])
        sas = self._associations(sa_set, _NO_KEYS, age + lifetime)
        answers = self._netlink.ask(wire.update_sa, sas)
        if any(answer.code for answer in answers):
            raise _sa_refusal("extend", sas, answers)

    def remove(self, sa_set: SaSet) -> None:
        """Remove the four SAs in one send."""
        sources = (sa_set.ue, sa_set.pcscf, sa_set.pcscf, sa_set.ue)
        self._delete(list(zip(sa_set.ids, sources, strict=True)))

    def _delete_unanswered(self, sas: FourSas) -> None:
        """Remove what became SAs of ours of requests whose answers are lost."""
        with contextlib.suppress(KernelRefusal):  # of two failures the first tells why
            ours = self.present()
            self._delete([(sa.id, sa.source) for sa in sas if sa.id in ours])

    def _associations(self, sa_set: SaSet, keys: AkaKeys, lifetime: int) -> FourSas:
        return sa_set.associations(keys, self._reqid, self._selectors, lifetime)

    def _added(self, sa: SaId) -> int:
        """When an SA was created, in seconds since the epoch."""
        installed = self._get(sa)
        return installed.added if installed else 0

    def _get(self, sa: SaId) -> InstalledSa | None:
        """Read one SA. The kernel's answer holds its keys too; nothing of them is kept."""
        found = self._netlink.get(lambda sequence: wire.get_sa(sa, sequence))
        if isinstance(found, Answer):
            raise refusal(f"find {_name(sa)}", found)
        return wire.read_sa(found)

    def _delete(self, sas: Sequence[tuple[SaId, str]]) -> None:
        """Remove SAs, each given by its name and its source."""
        answers = self._netlink.ask(lambda sa, sequence: wire.delete_sa(*sa, sequence), sas)
        for (name, _), answer in zip(sas, answers, strict=True):
            if answer.code not in (0, errno.ESRCH):
                raise refusal(f"remove {_name(name)}", answer)

    # -- all that is ours ---------------------------------------------------------------------

    def dump(self) -> list[InstalledSa]:
        """Read the namespace's SAs and keep those of our reqid."""
        read = (wire.read_sa(m) for m in self._netlink.dump(wire.dump_sas) if m.type == Msg.NEWSA)
        return [sa for sa in read if sa is not None and sa.reqid == self._reqid]

    def read(self, sa: SaId) -> InstalledSa | None:
        """Ask for it by destination and SPI: some microseconds, however many there are."""
        try:
            return self._get(sa)
        except KernelRefusal as error:
            if error.code == errno.ESRCH:
                return None
            raise

    def present(self) -> frozenset[SaId]:
        """Read no more of each SA than name and reqid."""
        read = (wire.read_sa_name(m) for m in self._netlink.dump(wire.dump_sas))
        return frozenset(sa for sa, reqid in read if reqid == self._reqid)

    def usage(self) -> Iterator[SaUsage]:
        """One dump, on a socket of its own: on ours the next request would swallow the rest."""
        with contextlib.closing(XfrmSocket()) as netlink:
            for message in netlink.dump(wire.dump_sas):
                usage, reqid = wire.read_sa_usage(message)
                if reqid == self._reqid:
                    yield usage

    def open(self) -> int:
        """Install the policies first, so that nothing passes in clear from here on."""
        self._is_owner = True
        self._install_policies()
        return self._delete_all()

    def close(self) -> None:
        """Remove SAs and policies, if this object has installed the policies."""
        if self._is_owner:
            self._delete_all()
            self._delete_policies(self._own_policies())
        self._netlink.close()

    def _delete_all(self) -> int:
        ours = [(sa.id, sa.source) for sa in self.dump()]
        self._delete(ours)
        return len(ours)

    # -- policies -----------------------------------------------------------------------------

    def _own_policies(self) -> list[Policy]:
        read = (wire.read_policy(message) for message in self._netlink.dump(wire.dump_policies))
        return [policy for policy in read if policy is not None and policy.reqid == self._reqid]

    def _install_policies(self) -> None:
        """Add ours; those that a crash left are renewed or removed.

        A policy of someone else in the place of one of ours is not overwritten: EEXIST.
        """
        left = {(policy.direction, policy.selector) for policy in self._own_policies()}
        wanted = {(policy.direction, policy.selector): policy for policy in self._policies}
        renewed = [policy for key, policy in wanted.items() if key in left]
        added = [policy for key, policy in wanted.items() if key not in left]
        _check_policies(renewed, self._netlink.ask(wire.update_policy, renewed))
        _check_policies(added, self._netlink.ask(wire.new_policy, added))
        stale = (Policy(*key, self._reqid) for key in left if key not in wanted)
        self._delete_policies(list(stale))

    def _delete_policies(self, policies: Sequence[Policy]) -> None:
        answers = self._netlink.ask(wire.delete_policy, policies)
        _check_policies(policies, answers, but=errno.ENOENT)

    # -- probe --------------------------------------------------------------------------------

    def probe(self, suites: Iterable[Suite]) -> dict[Suite, str]:
        """Try each suite in the address families of our policies (both, if there are none)."""
        families = {":" in policy.selector.source for policy in self._policies} or {False, True}
        sas = [
            _throw_away(suite, self._reqid, *_PROBE_ADDRESSES[is_ipv6])
            for suite in suites
            for is_ipv6 in sorted(families)
        ]
        answers = self._netlink.ask(wire.new_sa, sas)
        self._delete(_granted(sas, answers))
        failed = [(sa, answer) for sa, answer in zip(sas, answers, strict=True) if answer.code]
        return {sa.suite: str(_sa_refusal("try", [sa], [answer])) for sa, answer in failed}


def _throw_away(suite: Suite, reqid: int, source: str, destination: str) -> SecurityAssociation:
    spi = _SPI_MIN + secrets.randbelow(_SPI_MAX - _SPI_MIN)
    keys = suite.keys(AkaKeys(secrets.token_bytes(16), secrets.token_bytes(16)))
    selector = exact_addresses(source, destination, Ports(1), Ports(1))
    return SecurityAssociation(
        SaId(destination, spi), source, selector, suite, keys, reqid, _PROBE_LIFETIME
    )


def _granted(
    sas: Sequence[SecurityAssociation], answers: Sequence[Answer]
) -> list[tuple[SaId, str]]:
    """Names and sources of the SAs that were installed."""
    pairs = zip(sas, answers, strict=True)
    return [(sa.id, sa.source) for sa, answer in pairs if answer.code == 0]


def _name(sa: SaId) -> str:
    return f"SA to {sa.destination} SPI {sa.spi:#010x}"


def _sa_refusal(
    verb: str, sas: Sequence[SecurityAssociation], answers: Sequence[Answer]
) -> KernelRefusal:
    """Make the error of the first SA that was refused."""
    sa, answer = next(pair for pair in zip(sas, answers, strict=True) if pair[1].code)
    return refusal(f"{verb} {_name(sa.id)} {sa.suite.name}", answer, _hint(sa, answer.code))


def _hint(sa: SecurityAssociation, code: int) -> str:
    """Say what usually mends a refusal (net/xfrm/xfrm_user.c, net/ipv4/esp4.c)."""
    esp = "esp6" if ":" in sa.id.destination else "esp4"
    if code == errno.EPROTONOSUPPORT:
        return f"modprobe {esp}, or a kernel with CONFIG_INET_ESP and CONFIG_INET6_ESP"
    if code in (errno.ENOENT, errno.ENOSYS):
        return f"modprobe -a {esp} {' '.join(sa.suite.modules)}"
    if code == errno.EEXIST:
        return "another SA has this destination and SPI"
    if code == errno.ESRCH:
        return "it is gone, expired or removed by someone"
    return ""


def _check_policies(policies: Sequence[Policy], answers: Sequence[Answer], but: int = 0) -> None:
    for policy, answer in zip(policies, answers, strict=True):
        if answer.code not in (0, but):
            what = f"policy {policy.direction.name.lower()} {policy.selector}"
            taken = "a policy of someone else is in its place: another instance on these ports?"
            raise refusal(what, answer, taken if answer.code == errno.EEXIST else "")
