"""Routes to phones (rtnetlink(7)), for a machine that has the right to set them and no tool to."""

import os
import socket
import struct
from ipaddress import IPv4Network, IPv6Network, ip_address

from pcscf.errors import StartError

# linux/netlink.h and linux/rtnetlink.h
_RTM_NEWROUTE = 24
_REQUEST_ACK_REPLACE_CREATE = 0x1 | 0x4 | 0x100 | 0x400
_TABLE_MAIN, _PROTO_STATIC, _SCOPE_UNIVERSE, _UNICAST = 254, 4, 0, 1
_DST, _GATEWAY = 1, 5
_HEADER = struct.Struct("=IHHII")


def set_route(to: IPv4Network | IPv6Network, via: str) -> None:
    """Do as ``ip route replace TO via VIA`` does; both are of one family. StartError if refused."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            netlink.send(request(to, via))
            refusal = outcome(netlink.recv(4096))
    except OSError as error:
        refusal = error.errno or 0
    if refusal:
        raise StartError(f"gm.routes: {to} via {via} cannot be set: {os.strerror(refusal)}")


def request(to: IPv4Network | IPv6Network, via: str) -> bytes:
    """Build the message that creates the route, or replaces the one to the same range."""
    family = socket.AF_INET if to.version == 4 else socket.AF_INET6
    body = struct.pack(
        "=8BI",
        family, to.prefixlen, 0, 0, _TABLE_MAIN, _PROTO_STATIC, _SCOPE_UNIVERSE, _UNICAST, 0,
    )  # fmt: skip
    for kind, value in ((_DST, to.network_address), (_GATEWAY, ip_address(via))):
        body += struct.pack("=HH", 4 + len(value.packed), kind) + value.packed
    size = _HEADER.size + len(body)
    return _HEADER.pack(size, _RTM_NEWROUTE, _REQUEST_ACK_REPLACE_CREATE, 1, 0) + body


def outcome(answer: bytes) -> int:
    """Return the error number of the kernel's acknowledgement, 0 for done."""
    number: int
    (number,) = struct.unpack_from("=i", answer, _HEADER.size)
    return -number
