"""A phone's REGISTER: its knobs, and the text made from them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.peers.offers import Verify, mirrored
from tests.peers.text import Address, Headers, Message, bracketed

EXPIRES = 600_000  # what phones ask for (TS 24.229 5.1.1.2.1)
SEC_AGREE = ("Require", "Proxy-Require")  # RFC 3329 section 2.3.1 wants it in both


@dataclass(frozen=True, slots=True)
class Knobs:
    """What a test may want otherwise in a REGISTER.

    ``transport``   UDP or TCP; "" is the phone's usual one
    ``protected``   under the current SAs or in clear; None is under them if there are any
    ``impu``        the public identity registered; "" is the default one
    ``from_uri``    the From URI if it is another than the public identity
    ``expires``     seconds in the Expires header; None leaves it out
    ``contact``     the whole Contact value, such as "*"; "" is the phone's own contact
    ``contact_params``  header parameters of its own contact: ';expires=600', ';sos'
    ``uri_params``  URI parameters of its own contact: ';sos'
    ``via_port``    the port in Via of a clear REGISTER, if another than the real one
    ``sec_agree``   the headers that carry the sec-agree tag
    ``client``      rewrites the Security-Client that the phone would send
    ``verify``      rewrites the Security-Verify that the phone would send
    ``res``         a RES to answer with instead of the right one
    ``authorization``  the whole Authorization value; "" leaves the header out
    ``integrity_protected``  a value that the phone is not entitled to send
    ``headers``     more headers, at the end
    """

    transport: str = ""
    protected: bool | None = None
    impu: str = ""
    from_uri: str = ""
    expires: int | None = EXPIRES
    contact: str = ""
    contact_params: str = ""
    uri_params: str = ""
    via_port: int = 0
    sec_agree: tuple[str, ...] = SEC_AGREE
    client: Callable[[list[str]], list[str]] = mirrored
    verify: Verify = mirrored
    res: bytes | None = None
    authorization: str | None = None
    integrity_protected: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What stays or counts on from REGISTER to REGISTER, and what is new in this one."""

    domain_uri: str
    impu: str
    contact_at: Address
    branch: str
    tag: str
    call_id: str
    cseq: int
    instance: str = ""


def own_contact(knobs: Knobs, at: Dialogue, transport: str) -> str:
    """``<sip:user@address:port>`` with instance and whatever the knobs add."""
    if knobs.contact:
        return knobs.contact
    user = at.impu.removeprefix("sip:").partition("@")[0]
    over = ";transport=tcp" if transport == "TCP" else ""
    instance = f';+sip.instance="<{at.instance}>"' if at.instance else ""
    uri = f"sip:{user}@{at.contact_at}{over}{knobs.uri_params}"
    return f"<{uri}>{instance}{knobs.contact_params}"


def register(
    knobs: Knobs,
    at: Dialogue,
    transport: str,
    *,
    client: list[str],
    server: list[str],
    authorization: str,
) -> Message:
    """The REGISTER. ``client`` is the offer, ``server`` the Security-Server to mirror.

    Both may be empty: a phone that offers nothing sends no sec-agree either.
    """
    sent_by = Address(at.contact_at.host, knobs.via_port or at.contact_at.port)
    headers: Headers = [
        ("Via", f"SIP/2.0/{transport} {sent_by};branch={at.branch}"),
        ("Max-Forwards", "70"),
        ("From", f"<{knobs.from_uri or at.impu}>;tag={at.tag}"),
        ("To", f"<{at.impu}>"),
        ("Call-ID", f"{at.call_id}@{bracketed(at.contact_at.host)}"),
        ("CSeq", f"{at.cseq} REGISTER"),
        ("Contact", own_contact(knobs, at, transport)),
    ]
    if knobs.expires is not None:
        headers.append(("Expires", str(knobs.expires)))
    if authorization:
        headers.append(("Authorization", authorization))
    headers += agreement_headers(knobs, client, server)
    headers += [("Supported", "path, gruu"), *knobs.headers]
    return Message(f"REGISTER {at.domain_uri} SIP/2.0", headers)


def agreement_headers(knobs: Knobs, client: list[str], server: list[str]) -> Headers:
    """The sec-agree tag, Security-Client and Security-Verify (RFC 3329 section 2.3.1)."""
    offered = knobs.client(client)
    mirror = knobs.verify(server) if server else []
    if not client and not server:
        return []
    headers: Headers = [(name, "sec-agree") for name in knobs.sec_agree]
    headers += [("Security-Client", value) for value in offered]
    return headers + [("Security-Verify", value) for value in mirror]
