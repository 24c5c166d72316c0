"""Moments in a phone's life at which it, or the P-CSCF, may be gone of a sudden."""

from collections.abc import Callable

from tests.netns.site import Site
from tests.peers.phone import Phone

Moment = Callable[[Site, Phone], object]


def sm1_sent(site: Site, phone: Phone) -> None:
    site.unanswered(phone.send_sm1)


def challenged(site: Site, phone: Phone) -> None:
    phone.take_challenge(phone.sm1())
    phone.install()


def sm7_sent(site: Site, phone: Phone) -> None:
    challenged(site, phone)
    site.unanswered(phone.send_sm7)


def registered(site: Site, phone: Phone) -> None:
    phone.register()


def renewal_challenged(site: Site, phone: Phone) -> None:
    phone.register()
    challenged(site, phone)


def renewal_sm7_sent(site: Site, phone: Phone) -> None:
    phone.register()
    sm7_sent(site, phone)


def renewed(site: Site, phone: Phone) -> None:
    phone.register()
    phone.register()


def leaving(site: Site, phone: Phone) -> None:
    phone.register()
    site.unanswered(lambda: phone.send_sm1(expires=0))


def left(site: Site, phone: Phone) -> None:
    phone.register()
    phone.register(expires=0)


MOMENTS: list[Moment] = [
    sm1_sent, challenged, sm7_sent, registered, renewal_challenged, renewal_sm7_sent, renewed,
    leaving, left,
]  # fmt: skip
