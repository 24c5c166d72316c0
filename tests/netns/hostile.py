"""What tests of hostile input share: a P-CSCF without patience, and a look at its memory."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from tests.netns.lab import Lab
from tests.netns.pcscf_process import PcscfProcess, config

MESSAGE_TIMEOUT = 0.5  # seconds
# What the allocator cannot use again came to a tenth of 24 MB at the worst. A message that is
# kept takes its octets and more.
SHARE = 6


class Sender(Protocol):
    """``sent`` counts octets."""

    sent: int


def impatient(lab: Lab, *, reg_await_auth: float = 1.0) -> str:
    """Short timers, and room for many registrations in progress of one phone.

    A request waits for 64 T1 = 3.2 s, which a core on a busy machine may need.
    """
    timers = "t1 = 0.05\nt2 = 0.1\nt4 = 0.1"
    return config(
        lab,
        limits=f"message_timeout = {MESSAGE_TIMEOUT}\nmax_pending_per_source = 1000",
        timers__core=timers,
        timers__gm=timers,
        security=f"reg_await_auth = {reg_await_auth}\nsa_linger = 2.0",
        guard='trusted = ["0.0.0.0/0", "::/0"]',  # or it blocks them, and nothing else is tested
    )


@contextlib.contextmanager
def little_kept(pcscf: PcscfProcess, *senders: Sender) -> Iterator[None]:
    """AssertionError if the process grows by much of what is sent to it within."""
    resident, sent = pcscf.resident, sum(sender.sent for sender in senders)
    yield
    grown = pcscf.resident - resident
    sent = sum(sender.sent for sender in senders) - sent
    assert grown * SHARE < sent, f"of {sent} octets {grown} are kept"
