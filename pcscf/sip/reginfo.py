"""Registration information documents, application/reginfo+xml (RFC 3680 section 5).

One pass of expat over the document. A document type declaration is refused before anything
in it is read: it is what entities are declared in, and no sender of this format needs it.
"""

from dataclasses import dataclass
from typing import Final, Self
from xml.parsers import expat

from pcscf.errors import ParseError
from pcscf.sip.grammar import number

CONTENT_TYPE: Final = "application/reginfo+xml"

_NAMESPACE: Final = "urn:ietf:params:xml:ns:reginfo"
_BETWEEN: Final = " "  # no namespace and no name holds a blank

# Four levels have a meaning. Deeper ones may be extensions, which are skipped.
_DEEPEST: Final = 16
# Eight devices of a user with a hundred identities; a body of 57 KB hardly holds more.
_MOST_REGISTRATIONS: Final = 256
_MOST_CONTACTS: Final = 1024
_HIGHEST_VERSION: Final = 2**32 - 1  # RFC 3680 5.1: representable in 32 bits
_LONGEST_TIME: Final = 2**64 - 1  # xs:unsignedLong

_DOCUMENT = ("reginfo",)
_REGISTRATION = (*_DOCUMENT, "registration")
_CONTACT = (*_REGISTRATION, "contact")
_URI = (*_CONTACT, "uri")


@dataclass(frozen=True, slots=True)
class ContactInfo:
    """One contact of an address of record.

    ``state`` is "active" or "terminated"; ``event`` is what brought it there, as sent.
    ``uri`` is as sent, without blanks around it. ``expires`` and ``retry_after`` are in
    seconds, None if absent; ``q`` and ``call_id`` are "" then.
    """

    id: str
    state: str
    event: str
    uri: str
    expires: int | None = None
    retry_after: int | None = None
    q: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class RegistrationInfo:
    """One address of record, as sent; ``state`` is "init", "active" or "terminated"."""

    aor: str
    id: str
    state: str
    contacts: tuple[ContactInfo, ...]


@dataclass(frozen=True, slots=True)
class RegInfo:
    """A whole document. Without ``full`` it tells what has changed since the one before it."""

    version: int
    full: bool
    registrations: tuple[RegistrationInfo, ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a document; elements and attributes that RFC 3680 does not name are skipped.

        Raises ParseError 400 for what is not well-formed, not UTF-8, not a document of this
        format, or larger than anybody's registrations.
        """
        reader = _Reader()
        try:
            _run(reader, body.decode())
        except UnicodeDecodeError:
            raise _bad("not UTF-8") from None
        except expat.ExpatError:
            raise _bad("not well-formed") from None
        return cls(reader.version, reader.full, tuple(reader.registrations))


def _run(reader: "_Reader", text: str) -> None:
    if "\x00" in text:  # expat would take it for UTF-16
        raise _bad("not UTF-8")
    parser = expat.ParserCreate(namespace_separator=_BETWEEN)  # of a str, so UTF-8 in any case
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.on_doctype
    parser.StartElementHandler = reader.on_start
    parser.EndElementHandler = reader.on_end
    parser.CharacterDataHandler = reader.on_text
    parser.Parse(text, True)


class _Reader:
    """What expat calls. It does not know the parser, so the two are no cycle."""

    def __init__(self) -> None:
        self.version = 0
        self.full = False
        self.registrations: list[RegistrationInfo] = []
        self._path: tuple[str, ...] = ()
        self._attributes: dict[str, str] = {}  # of the registration that is open
        self._contacts: list[ContactInfo] = []  # likewise
        self._contact: dict[str, str] = {}  # attributes of the contact that is open
        self._uri: list[str] = []  # pieces of that contact's URI
        self._count = 0  # contacts of the whole document

    def on_doctype(self, *_: object) -> None:
        raise _bad("a document type declaration")

    def on_start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(_BETWEEN)
        # The name of a foreign element means nothing here, nor does what stands inside it.
        self._path = (*self._path, local if namespace == _NAMESPACE else "")
        if len(self._path) > _DEEPEST:
            raise _bad("nested too deeply")
        if len(self._path) == 1:
            self._open_document(attributes)
        elif self._path == _REGISTRATION:
            self._open_registration(attributes)
        elif self._path == _CONTACT:
            self._open_contact(attributes)

    def on_text(self, text: str) -> None:
        if self._path == _URI:
            self._uri.append(text)

    def on_end(self, _name: str) -> None:
        if self._path == _CONTACT:
            self._close_contact()
        elif self._path == _REGISTRATION:
            self._close_registration()
        self._path = self._path[:-1]

    def _open_document(self, attributes: dict[str, str]) -> None:
        if self._path != _DOCUMENT:
            raise _bad("another format")
        self.version = number(_required(attributes, "version").strip(), _HIGHEST_VERSION, "version")
        self.full = _one_of(attributes, "state", "full", "partial") == "full"

    def _open_registration(self, attributes: dict[str, str]) -> None:
        if len(self.registrations) >= _MOST_REGISTRATIONS:
            raise _bad("too many registrations")
        self._attributes = attributes
        self._contacts = []

    def _close_registration(self) -> None:
        attributes = self._attributes
        self.registrations.append(
            RegistrationInfo(
                aor=_required(attributes, "aor").strip(),
                id=_required(attributes, "id"),
                state=_one_of(attributes, "state", "init", "active", "terminated"),
                contacts=tuple(self._contacts),
            )
        )

    def _open_contact(self, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MOST_CONTACTS:
            raise _bad("too many contacts")
        self._contact = attributes
        self._uri = []

    def _close_contact(self) -> None:
        attributes = self._contact
        uri = "".join(self._uri).strip()
        if not uri:
            raise _bad("no uri of a contact")
        self._contacts.append(
            ContactInfo(
                id=_required(attributes, "id"),
                state=_one_of(attributes, "state", "active", "terminated"),
                event=_required(attributes, "event"),
                uri=uri,
                expires=_seconds(attributes, "expires"),
                retry_after=_seconds(attributes, "retry-after"),
                q=attributes.get("q", ""),
                call_id=attributes.get("callid", ""),
            )
        )


def _required(attributes: dict[str, str], name: str) -> str:
    value = attributes.get(name)
    if value is None:
        raise _bad(f"no {name}")
    return value


def _one_of(attributes: dict[str, str], name: str, *known: str) -> str:
    value = _required(attributes, name)
    if value not in known:
        raise _bad(f"unknown {name}")
    return value


def _seconds(attributes: dict[str, str], name: str) -> int | None:
    value = attributes.get(name)
    return None if value is None else number(value.strip(), _LONGEST_TIME, name)


def _bad(why: str) -> ParseError:
    return ParseError(400, f"Bad Registration Information: {why}")
