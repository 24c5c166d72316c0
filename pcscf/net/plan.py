"""Which sockets there are: side, transport and address, out of the settings."""

from typing import NamedTuple

from pcscf.config import Settings
from pcscf.core.flow import Endpoint, Side, Transport
from xfrm.model import Policy, SelectorMode, port_wide_policies


class Bind(NamedTuple):
    """One socket. ``shared``: connections of ours start from a port that is listened on."""

    side: Side
    transport: Transport
    local: Endpoint
    shared: bool = False


def unprotected(settings: Settings) -> list[Bind]:
    """Give the sockets that need no policy in the kernel: Gm in clear, and the core."""
    gm, core = settings.gm, settings.core
    clear = [_both(Side.CLEAR, Endpoint(address, gm.port)) for address in gm.addresses]
    own = [_both(Side.CORE, Endpoint(address, core.port)) for address in core.addresses]
    return [bind for pair in clear + own for bind in pair]


def protected(settings: Settings) -> list[Bind]:
    """Give the sockets of ps and pc.

    On pc UDP goes both ways and TCP only out (TS 33.203 7.1), so that nothing listens there,
    except for phones that take pc for a server port.
    """
    gm = settings.gm
    binds: list[Bind] = []
    for address in gm.addresses:
        binds += _both(Side.PROTECTED, Endpoint(address, gm.port_ps))
        for port in gm.ports_pc:
            local = Endpoint(address, port)
            binds.append(Bind(Side.PROTECTED, Transport.UDP, local))
            if gm.selectors is SelectorMode.TOLERANT:
                binds.append(Bind(Side.PROTECTED, Transport.TCP, local, shared=True))
    return binds


def shared_ports(settings: Settings) -> range:
    """Give the ports that are listened on and connected from."""
    return settings.gm.ports_pc if settings.gm.selectors is SelectorMode.TOLERANT else range(0)


def policies(settings: Settings) -> list[Policy]:
    """Give the kernel's policies: nothing but ESP passes ps and pc of any address."""
    gm = settings.gm
    return [
        policy
        for address in gm.addresses
        for policy in port_wide_policies(address, gm.port_ps, gm.ports_pc, settings.security.reqid)
    ]


def _both(side: Side, local: Endpoint) -> tuple[Bind, Bind]:
    return Bind(side, Transport.UDP, local), Bind(side, Transport.TCP, local)
