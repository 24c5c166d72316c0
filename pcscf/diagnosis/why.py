"""All that an operator must know of a phone, in sentences, the worst first."""

from collections.abc import Iterator, Sequence

from pcscf.diagnosis.about_packets import (
    about_block,
    about_drops,
    about_unknown,
    never_heard,
    nobody,
)
from pcscf.diagnosis.about_registration import about_core, about_registration
from pcscf.diagnosis.about_sas import about_sets
from pcscf.diagnosis.facts import Level, Phone, Sentence, World


def sentences(
    who: str, phones: Sequence[Phone], world: World, *, is_address: bool
) -> list[Sentence]:
    """Make the sentences about whoever was asked for; there is always one at least.

    Of several phones each sentence says whose it is.
    """
    found = [_of(phone, one, phones) for phone in phones for one in _about(phone, world)]
    found += _about_addresses(phones, world)
    if not phones:
        found.append(never_heard(who, world) if is_address else nobody(who, world))
    elif not found:
        found.append(
            Sentence(
                None, Level.NOTE, f"{who} is not registered, and no REGISTER of it is under way."
            )
        )
    troubled = any(one.level is Level.BAD for one in found) or not any(
        phone.is_registered for phone in phones
    )
    found += about_core(world, troubled=troubled)
    found += about_drops(world, troubled=troubled)
    return _ordered(found)


def _about(phone: Phone, world: World) -> Iterator[Sentence]:
    yield from about_registration(phone, world)
    yield from about_sets(phone, world)


def _about_addresses(phones: Sequence[Phone], world: World) -> Iterator[Sentence]:
    """What is so for all phones at an address, once."""
    for phone in {phone.key.ue: phone for phone in phones}.values():
        yield from about_block(phone, world)
        yield from about_unknown(phone, world)


def _of(phone: Phone, one: Sentence, phones: Sequence[Phone]) -> Sentence:
    ue, impi = phone.key
    is_guest = phone.view is not None and phone.view.guest  # who has a name of our making
    whose = f"{impi} at {ue}" if impi and not is_guest else ue
    return one if len(phones) == 1 else one._replace(text=f"{whose}: {one.text}")


def _ordered(found: Sequence[Sentence]) -> list[Sentence]:
    """The worst first; of two that are as bad the later one, and what is so now before both."""
    return sorted(found, key=lambda one: (one.level, -(one.time or float("inf"))))
