"""What happens in a soak, drawn from a seed: the same seed gives the same steps, on any machine.

The script knows no phone and no process. It keeps what is to be so after each step, and
draws the next one among those that are possible then.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

PLACES = 3  # of each phone: addresses that no other phone has
VERSIONS = (4, 4, 6)  # of these addresses
TRANSPORTS = ("UDP", "TCP")
REFUSALS = (403, 480, 500, 503)


class Step(NamedTuple):
    """One step. ``who`` and ``other`` are numbers of phones, -1 for none.

    ``how`` is a word that the step knows: a transport, a side, a moment; ``number`` is the
    place for a phone, or a status for the core.
    """

    what: str
    who: int = -1
    other: int = -1
    how: str = ""
    number: int = 0

    def __str__(self) -> str:
        """One line of the history."""
        shown = [self.what]
        shown += [f"phone {self.who}"] if self.who >= 0 else []
        shown += [f"and {self.other}"] if self.other >= 0 else []
        shown += [self.how] if self.how else []
        shown += [str(self.number)] if self.number else []
        return " ".join(shown)


@dataclass(eq=False, slots=True)
class Member:
    """What is to be so of a phone.

    ``bound``: the core has a contact of it. ``ghost`` is a place at which the P-CSCF has a
    registration that its phone has forgotten; it goes when the phone registers anywhere, as
    the core's answer does not list that contact any more.
    """

    number: int
    place: int = 0
    registered: bool = False
    bound: bool = False
    ghost: int | None = None
    talks_to: "Member | None" = None

    def leaves(self) -> None:
        """Its registration is over, for all."""
        self.registered = self.bound = False

    def enters(self) -> None:
        """It is registered where it is."""
        self.registered = self.bound = True
        self.ghost = None

    def hangs_up(self) -> None:
        """Neither side talks any more."""
        if self.talks_to is not None:
            self.talks_to.talks_to = None
            self.talks_to = None


class Script:
    """Steps without an end. ``members`` are what is to be so after the last one drawn.

    ``takeovers``: there are two machines, of which now and then the other one has the phones.
    ``restarts``: how often the process ends, compared with the usual.
    """

    def __init__(
        self, seed: int, phones: int, *, takeovers: bool = False, restarts: float = 1.0
    ) -> None:
        self._rng = Random(seed)
        self._restarts = 0.2 * restarts
        self._takeovers = self._restarts if takeovers else 0.0
        self.members = [Member(number, number % PLACES) for number in range(phones)]

    def __iter__(self) -> Iterator[Step]:
        weights = [weight for weight, _ in self._possible]
        draws = [draw for _, draw in self._possible]
        while True:
            step = self._rng.choices(draws, weights)[0]()
            if step is not None:
                yield step

    @property
    def _possible(self) -> list[tuple[float, Callable[[], Step | None]]]:
        """How often, and what. A step that is not possible now gives None."""
        return [
            (16, self._register),
            (10, self._reregister),
            (7, self._refresh),
            (4, self._deregister),
            (12, self._message),
            (10, self._call),
            (10, self._hang_up),
            (4, self._restart),
            (4, self._abandon),
            (3, self._refused_register),
            (2, self._silent_register),
            (0.7, self._late_register),
            (2, self._refused_message),
            (1, self._silent_message),
            (0.2, self._lapse),
            # Another process goes on, or another machine.
            (self._restarts, lambda: Step("crash")),
            (self._restarts, lambda: Step("crash, kernel flushed")),
            (self._restarts, lambda: Step("stop")),
            (self._restarts, self._crash_in_haste),
            (self._takeovers, lambda: Step("takeover", -1, -1, "dead")),
            (self._takeovers, lambda: Step("takeover", -1, -1, "paused")),
            (self._restarts - self._takeovers, lambda: Step("upgrade")),  # of one machine alone
        ]

    def probes(self, most: int) -> list[int]:
        """Draw phones to be looked at."""
        return sorted(self._rng.sample(range(len(self.members)), min(most, len(self.members))))

    # -- registration

    def _register(self) -> Step | None:
        member = self._any(registered=False)
        if member is None:
            return None
        member.enters()
        return Step("register", member.number)

    def _reregister(self) -> Step | None:
        return self._of(self._any(), "reregister")

    def _refresh(self) -> Step | None:
        return self._of(self._any(), "refresh")

    def _deregister(self) -> Step | None:
        member = self._any()
        if member is None or member.talks_to:
            return None
        member.leaves()
        return Step("deregister", member.number)

    def _restart(self) -> Step:
        """A phone forgets all without a word, and may come back at another address."""
        member = self._rng.choice(self.members)
        if member.registered:
            member.ghost = member.place
        member.hangs_up()
        member.registered = False
        member.place = self._rng.randrange(PLACES)
        return Step("restart", member.number, -1, self._rng.choice(TRANSPORTS), member.place)

    def _abandon(self) -> Step:
        """A phone is challenged, and does not answer; perhaps it has its SAs by then."""
        how = self._rng.choice(["challenged", "installed"])
        return Step("abandon", self._rng.choice(self.members).number, -1, how)

    def _refused_register(self) -> Step:
        how = self._rng.choice(["first", "answered"])
        status = self._rng.choice(REFUSALS)
        return Step("refused register", self._rng.choice(self.members).number, -1, how, status)

    def _silent_register(self) -> Step:
        how = self._rng.choice(["first", "answered"])
        return Step("silent register", self._rng.choice(self.members).number, -1, how)

    def _late_register(self) -> Step:
        member = self._rng.choice(self.members)
        member.enters()
        return Step("late register", member.number)

    def _lapse(self) -> Step | None:
        """A phone registers for a second, and says no more."""
        member = self._any(registered=False)
        if member is None:
            return None
        member.enters()
        member.leaves()
        return Step("lapse", member.number)

    def _crash_in_haste(self) -> Step:
        """Perhaps before the registration was written down; the phone repairs it."""
        member = self._rng.choice(self.members)
        how = "registering"
        if member.registered and not member.talks_to and self._rng.random() < 0.5:
            how = "leaving"
        member.hangs_up()
        member.enters()
        return Step("crash in haste", member.number, -1, how)

    # -- requests and calls

    def _message(self) -> Step | None:
        """To anybody but those who are registered at the core, and gone: that takes minutes."""
        others = [one for one in self.members if one.registered or not one.bound]
        sender = self._any()
        if sender is None or not others:
            return None
        return Step("message", sender.number, self._rng.choice(others).number)

    def _refused_message(self) -> Step | None:
        return self._of(self._any(), "refused message", self._rng.choice(REFUSALS))

    def _silent_message(self) -> Step | None:
        return self._of(self._any(), "silent message")

    def _call(self) -> Step | None:
        free = [one for one in self.members if one.registered and not one.talks_to]
        if len(free) < 2:
            return None
        caller, callee = self._rng.sample(free, 2)
        caller.talks_to, callee.talks_to = callee, caller
        return Step("call", caller.number, callee.number)

    def _hang_up(self) -> Step | None:
        talking = [one for one in self.members if one.talks_to]
        if not talking:
            return None
        member = self._rng.choice(talking)
        other = member.talks_to.number if member.talks_to else -1
        member.hangs_up()
        return Step("hang up", member.number, other)

    # --

    def _any(self, *, registered: bool = True) -> Member | None:
        found = [one for one in self.members if one.registered is registered]
        return self._rng.choice(found) if found else None

    def _of(self, member: Member | None, what: str, number: int = 0) -> Step | None:
        return Step(what, member.number, number=number) if member else None
