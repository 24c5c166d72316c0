"""Our own entry in Record-Route: one URI towards the core, another towards the phone.

TS 24.229 5.2.6: the core is told the port of its side, with the token that names the
registration; the phone is told ps. What passes from one side to the other is rewritten.
"""

from pcscf.core.context import Context
from pcscf.core.flow import Endpoint
from pcscf.core.rewrite import path_uri
from pcscf.core.sa_table import SaRow
from pcscf.core.state import Registration
from pcscf.sip.message import Request, Response

_NAME = "record-route"


def to_core(context: Context, registration: Registration) -> str:
    """Print the entry that the core sees; the token finds the registration again."""
    return path_uri(registration.token, context.own)


def to_phone(context: Context, registration: Registration, row: SaRow | None) -> str:
    """Print the entry that the phone sees: ps, or the unprotected port to a phone without SAs."""
    if row is not None:
        return f"<sip:{Endpoint(row.sa_set.pcscf, row.sa_set.port_ps)};lr>"
    flow = registration.clear_flow
    host = flow.local.host if flow is not None else context.policy.gm[0].host
    return f"<sip:{context.gm_endpoint(host)};lr>"


def push(request: Request, own: str) -> None:
    """Put our entry on top (RFC 3261 16.6 step 4)."""
    request.prepend(_NAME, own)


def above(response: Response, own: str) -> list[str]:
    """Give the entries of those behind us, topmost first: all above our own."""
    elements = response.elements(_NAME)
    return elements[: elements.index(own)] if own in elements else elements


def swap(response: Response, own: str, other: str) -> None:
    """Show the far side our other entry, in its place; everything else stays byte for byte."""
    for index, value in enumerate(response.values(_NAME)):
        if own in value:
            response.replace(_NAME, index, value.replace(own, other, 1))
            return


def restore(response: Response, expected: list[str]) -> bool:
    """Give a phone's response the list that its request had. False if it had it already."""
    if response.elements(_NAME) == expected:
        return False
    response.remove(_NAME)
    for element in expected:
        response.append(_NAME, element)
    return True
