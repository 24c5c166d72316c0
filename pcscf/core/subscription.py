"""One subscription to registration state: its dialog and its times (RFC 6665 4.1, 4.4.1)."""

from math import inf

from pcscf.core import rewrite
from pcscf.core.context import Context
from pcscf.core.deadlines import Timed
from pcscf.errors import ParseError
from pcscf.sip.message import Message, Request, Response, new_request
from pcscf.sip.reginfo import CONTENT_TYPE, RegInfo

EVENT = "reg"
SOONEST = 32.0  # seconds from one SUBSCRIBE to the next, whatever the core says: 64 times T1

_LONG = 1200  # seconds; TS 24.229 5.1.1.4 has both numbers for the phone
_LEAD = 600


class Subscription(Timed):
    """What we know of one subscription. Times are seconds on the core's clock.

    ``resource`` is the URI subscribed to. ``token`` is the user part of our Contact, by which
    a NOTIFY finds us, and the Call-ID.
    """

    __slots__ = (
        "asked_at", "asking", "cseq", "ends_at", "expires", "identities", "impi", "notified",
        "notify_by", "refresh_at", "remote_cseq", "remote_tag", "remote_target", "reported",
        "resource", "review_at", "route", "tag", "token", "version", "wants_full",
    )  # fmt: skip

    def __init__(self, impi: str, resource: str, token: str, tag: str) -> None:
        super().__init__()
        self.impi = impi
        self.resource = resource
        self.token = token
        self.tag = tag
        self.cseq = 0
        self.remote_tag = ""  # empty while there is no dialog
        self.remote_target = ""
        self.route: tuple[str, ...] = ()
        self.remote_cseq = -1  # of the latest NOTIFY
        self.version: int | None = None  # of the latest document
        self.wants_full = False  # something was missed, and the whole state asked for
        self.identities = 0  # a hash of what was registered when last asked
        self.asking = False  # a SUBSCRIBE is under way
        self.asked_at = -inf
        self.expires = 0  # seconds asked for then
        self.notified = False  # since then
        self.reported = False  # a refusal, since the last success
        self.refresh_at = inf  # for time's sake
        self.review_at = inf  # for the whole state's sake
        self.notify_by = inf
        self.ends_at = inf

    # --- sending ---

    def next_request(self, context: Context, expires: int) -> Request:
        """Make the next SUBSCRIBE of the dialog, or the first one; it has no Route."""
        self.cseq += 1
        self.asking, self.asked_at, self.notified = True, context.now, False
        self.expires = expires
        self.review_at = inf
        ours = context.own  # as in Path
        own = f"<sip:{ours}>"
        tag = f";tag={self.remote_tag}" if self.remote_tag else ""
        request = new_request(
            "SUBSCRIBE",
            self.remote_target or self.resource,
            (
                ("max-forwards", "70"),
                ("from", f"{own};tag={self.tag}"),
                ("to", f"<{self.resource}>{tag}"),
                ("call-id", self.token),
                ("cseq", f"{self.cseq} SUBSCRIBE"),
                ("contact", f"<sip:{self.token}@{ours}>"),
                ("event", EVENT),
                ("accept", CONTENT_TYPE),
                ("expires", str(expires)),
                ("p-asserted-identity", own),
            ),
        )
        request.append("p-charging-vector", rewrite.charging_vector(context))
        return request

    # --- the dialog ---

    def on_accepted(self, response: Response) -> None:
        """Enter the dialog of a 2xx, unless a NOTIFY has made one: RFC 3680 4.9 has only one."""
        tag = response.to.tag or ""
        if self.remote_tag and tag != self.remote_tag:
            return
        if not self.remote_tag:
            self.route = tuple(reversed(response.elements("record-route")))
        self.remote_tag = tag
        self.remote_target = _target(response) or self.remote_target

    def is_of(self, request: Request) -> bool:
        """Whether a NOTIFY belongs to this dialog, or may make it (RFC 6665 4.4.1)."""
        return (
            request.call_id == self.token
            and request.to.tag == self.tag
            and bool(request.from_.tag)
            and self.remote_tag in ("", request.from_.tag)
        )

    def on_notify(self, request: Request) -> None:
        """Take what a NOTIFY says of the dialog. Its route set counts, not that of the 2xx."""
        if self.remote_cseq < 0:
            self.remote_tag = request.from_.tag or ""
            self.route = tuple(request.elements("record-route"))
        self.remote_cseq = request.cseq.number
        self.remote_target = _target(request) or self.remote_target
        self.notified = True
        self.notify_by = inf

    def takes(self, info: RegInfo, now: float) -> bool:
        """Order a document by its version (RFC 3680 5.2): False if a later one was taken.

        Where one is missing, the whole state is asked for; once, until it comes.
        """
        if self.version is not None and info.version < self.version:
            return False
        missed = self.version is None or info.version > self.version + 1
        if info.full:
            self.wants_full = False
        elif missed and not self.wants_full:
            self.wants_full = True
            self.review_soon(now)
        self.version = info.version
        return True

    # --- times ---

    def lasts(self, seconds: float, now: float) -> None:
        """Take the duration that the core states, and refresh in time for it."""
        self.ends_at = now + seconds
        lead = _LEAD if seconds > _LONG else seconds / 2
        self.refresh_at = max(self.ends_at - lead, self.asked_at + SOONEST)

    def review_soon(self, now: float) -> None:
        """Ask for the whole state as soon as the core may be asked again."""
        self.review_at = max(now, self.asked_at + SOONEST)

    @property
    def due(self) -> float:
        """When there is something to do; a SUBSCRIBE under way comes to its end by itself."""
        if self.asking:
            return inf
        return min(self.refresh_at, self.review_at, self.notify_by, self.ends_at)


def _target(message: Message) -> str:
    try:
        return next((contact.uri for contact in message.contacts if contact.uri != "*"), "")
    except ParseError:
        return ""
