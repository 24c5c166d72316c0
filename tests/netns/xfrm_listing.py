"""What ``ip -s xfrm state`` and ``ip -s xfrm policy`` print, as values.

The tests compare the product's netlink with this second opinion on the kernel's tables.
Keys are left behind.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class XfrmState:
    """One SA. Names of algorithms are the kernel's; ``hard_seconds`` is 0 for no limit."""

    src: str
    dst: str
    spi: int
    reqid: int
    mode: str
    auth: str | None
    auth_bits: int | None
    enc: str | None
    selector: str
    hard_seconds: int
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class XfrmPolicy:
    """One policy; reqid, proto and mode are those of its (first) template."""

    selector: str
    direction: str
    action: str
    priority: int
    proto: str | None
    mode: str | None
    reqid: int | None


def parse_states(text: str) -> list[XfrmState]:
    """Read the output of ``ip -s xfrm state``."""
    return [_parse_state(block) for block in _blocks(text)]


def parse_policies(text: str) -> list[XfrmPolicy]:
    """Read the output of ``ip -s xfrm policy``, socket policies left out."""
    return [_parse_policy(block) for block in _blocks(text) if "\n\tsocket " not in block]


def _blocks(text: str) -> list[str]:
    """Cut before each line that is not indented."""
    return [block for block in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if block.strip()]


def _parse_state(block: str) -> XfrmState:
    auth = re.search(r"auth(?:-trunc)? (\S+) 0x[0-9a-f]* \(\d+ bits\)(?: (\d+))?", block)
    enc = re.search(r"(?:enc|aead) (\S+\(?\S*) ", block)
    return XfrmState(
        src=_find(r"^src (\S+)", block),
        dst=_find(r"^src \S+ dst (\S+)", block),
        spi=int(_find(r"spi 0x([0-9a-f]+)", block), 16),
        reqid=int(_find(r"reqid (\d+)", block)),
        mode=_find(r"mode (\S+)", block),
        auth=auth and auth[1],
        auth_bits=int(auth[2]) if auth and auth[2] else None,
        enc=enc and enc[1],
        selector=_selector(_find(r"sel (src .*)", block)),
        hard_seconds=int(_find(r"expire add: soft \d+\(sec\), hard (\d+)", block)),
        packets=int(_find(r"lifetime current:\s+\d+\(bytes\), (\d+)", block)),
        bytes=int(_find(r"lifetime current:\s+(\d+)\(bytes\)", block)),
    )


def _parse_policy(block: str) -> XfrmPolicy:
    template = re.search(r"proto (\S+) spi \S+ reqid (\d+)\S* mode (\S+)", block)
    return XfrmPolicy(
        selector=_selector(_find(r"^(src .*)", block)),
        direction=_find(r"dir (\S+)", block),
        action=_find(r"action (\S+)", block),
        priority=int(_find(r"priority (\d+)", block)),
        proto=template and template[1],
        mode=template and template[3],
        reqid=int(template[2]) if template else None,
    )


def _selector(text: str) -> str:
    return text.strip().removesuffix("uid 0").strip()


def _find(pattern: str, block: str) -> str:
    found = re.search(pattern, block, re.MULTILINE)
    assert found, f"no {pattern!r} in:\n{block}"
    return found[1]
