"""What a file of keys has given: SAs, keys for more than one SA, and notes for the user."""

import re
from typing import Final

from pcscf.decode.keys.wildcards import Wildcard, codec_of
from pcscf.decode.model import Candidate, Sa

_MAX_NOTES: Final = 20
_LONGEST_NAME: Final = 60
_MAY_BE_A_KEY: Final = re.compile("[0-9A-Fa-f]{9}")


def quoted(name: str) -> str:
    """Give a word of a file for a note; not one that may be a key in the wrong place."""
    return "(not shown)" if _MAY_BE_A_KEY.search(name) else repr(name[:_LONGEST_NAME])


class FileKeys:
    """Filled by the readers. ``notes`` are lines without keys, ``unusable`` counts them all."""

    def __init__(self) -> None:
        self.sas: list[Sa] = []
        self.wildcards: list[Wildcard] = []
        self.notes: list[str] = []
        self.unusable = 0

    def note(self, line: str) -> None:
        """Add a line for the user, the first of them only."""
        self.unusable += 1
        if len(self.notes) < _MAX_NOTES:
            self.notes.append(line)

    def add_sa(self, sa: Sa, candidate: Candidate, name: str) -> None:
        """Add one SA with its keys, if these have the right size; ``name`` is for the note."""
        if self._can_be_used(candidate, name):
            sa.suite, sa.keys, sa.origin, sa.checked = candidate
            self.sas.append(sa)

    def add_wildcard(self, wildcard: Wildcard, name: str) -> None:
        """Add keys for more than one SA likewise."""
        if self._can_be_used(wildcard.candidate, name):
            self.wildcards.append(wildcard)

    def add(self, other: "FileKeys") -> None:
        """Add all that another file has given."""
        self.sas += other.sas
        self.wildcards += other.wildcards
        self.notes += other.notes
        self.unusable += other.unusable

    def _can_be_used(self, candidate: Candidate, name: str) -> bool:
        try:
            codec_of(candidate)
        except ValueError:
            self.note(f"{name}: a key of {candidate.suite.name} has not the right size")
            return False
        return True
