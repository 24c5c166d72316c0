"""Header field names: folding to one form, and how we print them.

Inside the program a header is known by its full name in lower case ("call-id").
"""

from typing import Final

from pcscf.errors import ParseError
from pcscf.sip.grammar import is_token

# Compact forms, from the IANA registry of SIP header fields.
COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

# Names as we print them. Any other name is printed with each of its parts capitalised.
_PRINTED_NAMES = """
Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events
Authentication-Info Authorization Call-ID Call-Info Cellular-Network-Info Contact
Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date
Error-Info Event Expires Feature-Caps From Geolocation Geolocation-Error Geolocation-Routing
History-Info Identity Identity-Info In-Reply-To Join Max-Forwards MIME-Version Min-Expires
Min-SE Organization P-Access-Network-Info P-Asserted-Identity P-Associated-URI
P-Called-Party-ID P-Charging-Function-Addresses P-Charging-Vector P-Early-Media
P-Preferred-Identity P-Preferred-Service P-Asserted-Service P-Visited-Network-ID Path Priority
Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck RSeq Reason Record-Route
Refer-Sub Refer-To Referred-By Reject-Contact Replaces Reply-To Request-Disposition Require
Retry-After Route Security-Client Security-Server Security-Verify Server Service-Route
Session-Expires Session-ID SIP-ETag SIP-If-Match Subject Subscription-State Supported Timestamp
To Unsupported User-Agent Via Warning WWW-Authenticate
"""
_PRINTED = tuple(_PRINTED_NAMES.split())

_PRINTED_BY_NAME: Final = {name.lower(): name for name in _PRINTED}

# Spellings met most often, straight to the folded name: no work per header line.
KNOWN: Final[dict[str, str]] = (
    {name: name.lower() for name in _PRINTED}
    | {name.lower(): name.lower() for name in _PRINTED}
    | {"Cseq": "cseq", "CSEQ": "cseq", "Call-Id": "call-id", "VIA": "via"}
    | COMPACT
    | {short.upper(): name for short, name in COMPACT.items()}
)


def fold(name: str) -> str:
    """Give the full lower-case name of a name as sent, blanks before the colon included.

    Raises ParseError 400 if it is no token (RFC 3261 7.3.1, header-name).
    """
    known = KNOWN.get(name)
    if known is not None:
        return known
    bare = name.rstrip(" \t")
    if not is_token(bare):
        raise ParseError(400, "Bad Header Field Name")
    lower = bare.lower()
    return COMPACT.get(lower, lower)


def printed(name: str) -> str:
    """Spell a folded name for the wire; ValueError if it is no token."""
    known = _PRINTED_BY_NAME.get(name)
    if known is not None:
        return known
    if not is_token(name):
        raise ValueError("a header name is a token")
    return "-".join(part.capitalize() for part in name.split("-"))
