"""Which keys differ between two sets of settings, and which of them change while running."""

from typing import NamedTuple

from pcscf.config import Settings
from pcscf.config_sections import Section


class Changes(NamedTuple):
    """What comes of settings that were read anew.

    ``settings`` are those to run with: the new values of the keys in ``applied``, and the
    old ones of those in ``needs_restart``. Keys are named as ``section.key``.
    """

    settings: Settings
    applied: tuple[str, ...]
    needs_restart: tuple[str, ...]


def changes(running: Settings, wanted: Settings) -> Changes:
    """Compare, and take over what may change."""
    applied: list[str] = []
    needs_restart: list[str] = []
    sections = {
        name: _merged(name, getattr(running, name), getattr(wanted, name), applied, needs_restart)
        for name in Settings.model_fields
    }
    return Changes(running.model_copy(update=sections), tuple(applied), tuple(needs_restart))


def _merged(
    name: str, old: Section, new: Section, applied: list[str], needs_restart: list[str]
) -> Section:
    """Give a table with the new values of what may change; note each key that differs."""
    taken: dict[str, object] = {}
    for key in type(old).model_fields:
        before, after, full = getattr(old, key), getattr(new, key), f"{name}.{key}"
        if isinstance(before, Section):
            taken[key] = _merged(full, before, after, applied, needs_restart)
        elif before == after:
            continue
        elif old.is_live(key):
            taken[key] = after
            applied.append(full)
        else:
            needs_restart.append(full)
    return old.model_copy(update=taken)
