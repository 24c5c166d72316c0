"""Sentences about a phone's registration: what was asked, and what the core and we made of it."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from pcscf.core.views import HopView, UeView
from pcscf.diagnosis.about_sas import name_of
from pcscf.diagnosis.facts import Level, Phone, Sentence, World
from pcscf.diagnosis.journal import Happening
from pcscf.diagnosis.words import clock, span

_AGAIN: Final = 2  # times: a phone that is out of step once is put right by the answer


class _Told(NamedTuple):
    """What an event of the core means; ``text`` goes on with what mends it."""

    level: Level
    text: str


# How a registration ends. Told of a phone that is not registered now.
_ENDS: Final[Mapping[str, _Told]] = {
    "deregistered": _Told(Level.NOTE, "It deregistered itself at {when}."),
    "deregistered_by_core": _Told(
        Level.BAD,
        "The core deregistered it at {when} (reg event): ask the S-CSCF and the HSS why.",
    ),
    "expired": _Told(
        Level.BAD,
        "Its registration ran out at {when}: it did not renew it. It is out of coverage or off, or"
        " its REGISTER does not get here.",
    ),
    "replaced": _Told(
        Level.NOTE, "At {when} another phone of this user registered in the place of it."
    ),
    "unprotected": _Told(
        Level.BAD,
        "Its SAs were lost in the kernel at {when}, and its registration with them: see"
        " `ip xfrm monitor` for who removes SAs. It has to register anew.",
    ),
    "removed_by_operator": _Told(
        Level.NOTE, "An operator ended its registration at {when}; the core was not told."
    ),
}

# What keeps it from being registered, since it was registered last.
_FAILS: Final[Mapping[str, _Told]] = {
    "challenge_without_keys": _Told(
        Level.BAD,
        "The core's challenge{times} had no usable ck and ik, the last one at {when}: without them"
        " there are no SAs. Have the S-CSCF put CK and IK into WWW-Authenticate of its 401"
        " (TS 24.229 5.4.1.2), and use AKAv1-MD5 or AKAv2.",
    ),
    "not_challenged": _Told(
        Level.BAD,
        "The core accepted its REGISTER without a challenge{times}, the last time at {when},"
        " though it asked for IPsec: it got a 500. Have the S-CSCF challenge what comes with"
        ' integrity-protected="no".',
    ),
    "sa_install_failed": _Told(
        Level.BAD,
        "The kernel refused its SAs{times}, the last time at {when}: {reason}.",
    ),
    "security_mismatch": _Told(
        Level.BAD,
        "It does not repeat the security agreement as it was{times}, the last time at {when}:"
        " {header} differs (494). Either something between changes messages, or the phone's"
        " software is at fault; compare both with `pcscf trace`.",
    ),
    "foreign_identity": _Told(
        Level.BAD,
        "A REGISTER of this user came under the SAs of {owner}{times}, the last one at {when}, and"
        " got a 403: a phone with two cards mixes them up, or somebody tries.",
    ),
    "core_unreachable": _Told(
        Level.BAD,
        "The core did not answer its {method}{times}, the last time at {when}: {reason}. See"
        " `pcscf next-hops`.",
    ),
    "unreadable": _Told(
        Level.NOTE,
        "It sent what is no SIP message{times}, the last at {when}: {reason}.",
    ),
    "sa_lost": _Told(
        Level.BAD,
        "Its SAs were no longer in the kernel at {when}: they ran out, or somebody removed them.",
    ),
    "answer_dropped": _Told(
        Level.NOTE,
        "An answer to it could not be sent{times}, the last at {when}: {reason}.",
    ),
    "phone_unreachable": _Told(
        Level.NOTE,
        "A request to it found nobody{times}, the last at {when}: {reason}.",
    ),
}

# What the core's refusal of a REGISTER means: of one before the challenge, and of its answer.
_REFUSED: Final[Mapping[int, str]] = {
    400: "the core cannot read it",
    403: "the HSS does not know this pair of identities, or the user may not register or roam here",
    404: "the core does not know this user",
    423: "the time that it asks for is too short; it has to ask again",
    480: "the core has nobody to serve it at present",
    500: "the core failed: see its log",
    503: "the core is overloaded or on its way out",
    504: "the S-CSCF or the HSS behind the entry point does not answer",
}
_ANSWER_REFUSED: Final[Mapping[int, str]] = {
    401: "it was challenged again: the core does not take its answer for right or for fresh",
    403: "its answer to the challenge was wrong: K or OPc of the USIM differ from the HSS",
}

# What we refuse ourselves.
_REJECTED: Final[Mapping[int, str]] = {
    400: "it cannot be used as it is",
    403: "it is not let in",
    421: (
        "it offers no security agreement (no Security-Client): switch IPsec on in the phone, or"
        ' allow it to go without by security.policy = "prefer" or security.by_network'
    ),
    494: (
        "it offers no algorithms that are ours: add one of what it offers to security.algorithms,"
        " if this kernel has it (`pcscf check-config`)"
    ),
    502: "another proxy is between, and IPsec needs us to be the first (RFC 3329 2.3.2)",
    503: "there are too many at a time, or we are draining: see [limits] and `pcscf status`",
}
# Which have a sentence of their own.
_TOLD_OTHERWISE: Final = frozenset(
    {"No usable challenge from the core", "Registration was not challenged"}
)


def about_registration(phone: Phone, world: World) -> Iterator[Sentence]:
    """Say how it stands, and what went wrong since it was registered last."""
    if phone.view is not None:
        yield from _as_it_stands(phone, phone.view, world)
    if phone.record is None:
        return
    recent = phone.record.since_registered()
    if not phone.is_registered:
        yield from _how_it_ended(recent, world)
        yield from _on_its_way(phone, recent, world)
    for one in recent:
        yield from _what_failed(one, world)


def about_core(world: World, *, troubled: bool) -> Iterator[Sentence]:
    """Next hops that do not answer, where that may be the reason."""
    out = [hop for hop in world.hops if hop.state in ("inactive", "disabled")]
    if out and len(out) == len(world.hops):
        start = "No next hop is active, so that no REGISTER is answered"
        yield Sentence(None, Level.BAD, f"{start}: {_hops(out)}.")
    elif out and troubled:
        yield Sentence(None, Level.NOTE, f"Not all next hops are active: {_hops(out)}.")


def _hops(hops: list[HopView]) -> str:
    return "; ".join(
        f"{hop.next_hop} is {hop.state}" + (f" ({hop.reason})" if hop.reason else "")
        for hop in hops
    )


# -- registered


def _as_it_stands(phone: Phone, view: UeView, world: World) -> Iterator[Sentence]:
    if view.guest:
        yield Sentence(None, Level.OK, "An emergency call of somebody who is not registered.")
        return
    if view.expires is None:
        yield Sentence(
            None,
            Level.NOTE,
            "Its registration is over, and only its SAs are left for a while.",
        )
        return
    since = phone.good_since or None
    who = ", ".join(one.strip("<>") for one in view.identities)
    rest = f"for another {span(view.expires)}"
    if view.protected:
        current = next((one for one in phone.sets if one.stage == "current"), None)
        under = f" under {name_of(current, world)}, {current.suite}" if current else ""
        yield Sentence(since, Level.OK, f"Registered {rest} as {who}{under}, by {view.next_hop}.")
    else:
        yield Sentence(
            since,
            Level.NOTE,
            f"Registered {rest} as {who}, in clear: the policy for its network does not ask for"
            " IPsec (security.policy, security.by_network).",
        )
    if view.silent:
        yield Sentence(
            None,
            Level.NOTE,
            "No packet has come from it for longer than liveness.silent_after: it has nothing to"
            " say, is out of coverage, or off.",
        )


# -- not registered


def _how_it_ended(recent: list[Happening], world: World) -> Iterator[Sentence]:
    """The last of the ways to end; an earlier one is history."""
    last = next((one for one in recent if one.event in _ENDS), None)
    if last is not None:
        told = _ENDS[last.event]
        yield Sentence(last.last, told.level, told.text.format(when=clock(last.last, world.now)))


def _on_its_way(phone: Phone, recent: list[Happening], world: World) -> Iterator[Sentence]:
    """A REGISTER of which nothing has come yet."""
    last = next(iter(recent), None)
    if last is not None and last.event == "register_received" and not phone.sets:
        yield Sentence(
            last.last,
            Level.NOTE,
            f"Its last REGISTER came at {clock(last.last, world.now)}, {_side(last)}, and waits for"
            " the core's answer.",
        )


def _side(register: Happening) -> str:
    return "in clear" if register.fields.get("side") == "clear" else "under SAs"


def _what_failed(one: Happening, world: World) -> Iterator[Sentence]:
    if told := _FAILS.get(one.event):
        # What else it asks of the core does not keep it from being registered.
        other = one.event == "core_unreachable" and one.fields.get("method") != "REGISTER"
        level = Level.NOTE if other else told.level
        yield Sentence(one.last, level, told.text.format(**_words(one, world)))
    elif one.event == "refused_by_hook":
        yield _refused_by_hook(one, world)
    elif one.event == "challenge_refused":
        yield _challenge_refused(one, world)
    elif one.event == "registration_refused":
        yield Sentence(one.last, Level.BAD, _refused(one, world))
    elif one.event == "registration_rejected" and one.fields["reason"] not in _TOLD_OTHERWISE:
        yield Sentence(one.last, Level.BAD, _rejected(one, world))


def _words(one: Happening, world: World) -> dict[str, str]:
    """What texts are made with; a field that a report has not is left blank."""
    words = dict.fromkeys(("reason", "header", "owner", "method"), "")
    words |= {name: str(value) for name, value in one.fields.items()}
    return words | {"when": clock(one.last, world.now), "times": _times(one, world)}


def _times(one: Happening, world: World) -> str:
    return f" {one.count} times since {clock(one.first, world.now)}" if one.count > 1 else ""


def _challenge_refused(one: Happening, world: World) -> Sentence:
    when, times = clock(one.last, world.now), _times(one, world)
    if one.fields.get("resync"):
        again = one.count >= _AGAIN
        text = (
            f"Its USIM found the challenge's sequence number out of range{times}, the last time at"
            f" {when}, and sent AUTS."
        )
        mend = (
            " The HSS does not take it over: see that the core passes auts on, and that K, OPc"
            " and AMF are right; or set the SQN in the HSS by hand."
            if again
            else " The HSS resynchronises by it and challenges anew, which mends it."
        )
        return Sentence(one.last, Level.BAD if again else Level.NOTE, text + mend)
    return Sentence(
        one.last,
        Level.BAD,
        f"Its USIM refused the challenge{times}, the last time at {when}: the MAC in AUTN is wrong."
        " K or OPc of the USIM differ from the HSS.",
    )


def _refused_by_hook(one: Happening, world: World) -> Sentence:
    """Only a REGISTER's refusal keeps it from being registered."""
    level = Level.BAD if one.fields.get("method") == "REGISTER" else Level.NOTE
    text = (
        "The operator's function {function} refused {method}{times} with {status}, the last time"
        " at {when}: see the file of hooks.file."
    )
    return Sentence(one.last, level, text.format(**_words(one, world)))


def _refused(one: Happening, world: World) -> str:
    status = int(one.fields["status"])
    meanings = _ANSWER_REFUSED if one.fields.get("answered") else {}
    meaning = meanings.get(status) or _REFUSED.get(status, "see the core's log")
    what = "the answer to its challenge" if one.fields.get("answered") else "its REGISTER"
    return (
        f"The core refused {what} with {status}{_times(one, world)}, the last time at"
        f" {clock(one.last, world.now)}: {meaning}."
    )


def _rejected(one: Happening, world: World) -> str:
    status = int(one.fields["status"])
    start = (
        f"We refused its REGISTER with {status}{_times(one, world)}, the last time at"
        f" {clock(one.last, world.now)}, {one.fields['reason']}"
    )
    meaning = _REJECTED.get(status)
    offer = one.fields.get("offer")
    offered = f" It offered: {offer}" if offer else ""
    return f"{start}: {meaning}.{offered}" if meaning else f"{start}.{offered}"
