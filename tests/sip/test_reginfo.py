"""Registration information: what is read, what is skipped, and what a hostile one costs."""

import random
import time
import tracemalloc

import pytest

from pcscf.errors import ParseError
from pcscf.sip.limits import DEFAULT
from pcscf.sip.reginfo import ContactInfo, RegInfo
from tests.garbage import no_garbage

NAMESPACE = "urn:ietf:params:xml:ns:reginfo"
CONTACT = '<contact id="c" state="active" event="registered"><uri>sip:ue@192.0.2.1</uri></contact>'
FULL = f"""<?xml version="1.0"?>
<reginfo xmlns="{NAMESPACE}" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="4" state="partial">
  <registration aor="sip:user@example.com" id="a7" state="active">
    <contact id="76" state="active" event="shortened" duration-registered="7322" expires="60"
             q="0.8" callid="call-1" cseq="12">
      <uri>
        sip:ue@192.0.2.1:5060;transport=tcp?a=b&amp;c=d
      </uri>
      <display-name xml:lang="en">A <![CDATA[& B]]></display-name>
      <unknown-param name="audio"/>
      <gr:pub-gruu uri="sip:user@example.com;gr=x"/>
    </contact>
    <contact id="77" state="terminated" event="probation" retry-after="300">
      <uri>sip:ue@192.0.2.2</uri>
    </contact>
  </registration>
  <registration aor=" tel:+491701234567 " id="a8" state="terminated"/>
</reginfo>
"""


def document(inside: str = "", *, root: str = 'version="0" state="full"') -> str:
    return f'<reginfo xmlns="{NAMESPACE}" {root}>{inside}</reginfo>'


def registration(
    inside: str = CONTACT, *, head: str = 'aor="sip:a@b" id="r" state="active"'
) -> str:
    return document(f"<registration {head}>{inside}</registration>")


def refusal(body: str | bytes) -> str:
    """The reason a document is refused with; its status is always 400."""
    with pytest.raises(ParseError) as caught:
        RegInfo.parse(body.encode() if isinstance(body, str) else body)
    assert caught.value.status == 400
    return caught.value.reason.removeprefix("Bad Registration Information: ")


def test_a_whole_document() -> None:
    info = RegInfo.parse(FULL.encode())
    assert (info.version, info.full) == (4, False)
    first, second = info.registrations
    assert (first.aor, first.id, first.state) == ("sip:user@example.com", "a7", "active")
    assert first.contacts == (
        ContactInfo(
            id="76",
            state="active",
            event="shortened",
            uri="sip:ue@192.0.2.1:5060;transport=tcp?a=b&c=d",
            expires=60,
            q="0.8",
            call_id="call-1",
        ),
        ContactInfo("77", "terminated", "probation", "sip:ue@192.0.2.2", retry_after=300),
    )
    assert (second.aor, second.state, second.contacts) == ("tel:+491701234567", "terminated", ())


def test_the_namespace_may_have_a_prefix() -> None:
    body = registration().replace("xmlns=", "xmlns:x=")
    for name in ("reginfo", "registration", "contact", "uri"):
        body = body.replace(f"<{name}", f"<x:{name}").replace(f"</{name}", f"</x:{name}")
    (found,) = RegInfo.parse(body.encode()).registrations
    assert found.contacts[0].uri == "sip:ue@192.0.2.1"


@pytest.mark.parametrize(
    "inside",
    [
        f'<other xmlns="urn:x">{CONTACT}</other>',
        f"<other>{CONTACT}</other>",
        f'<o xmlns="urn:x"><contact xmlns="{NAMESPACE}" id="c"><uri>sip:x@y</uri></contact></o>',
        '<contact xmlns="urn:x"/>',
        '<contact xmlns=""/>',
    ],
)
def test_what_is_not_of_the_format_is_skipped_with_all_inside(inside: str) -> None:
    (found,) = RegInfo.parse(registration(inside + CONTACT).encode()).registrations
    assert [contact.id for contact in found.contacts] == ["c"]


def test_an_attribute_of_another_namespace_is_not_ours() -> None:
    odd = CONTACT.replace("event=", 'xmlns:o="urn:x" o:event="expired" event=')
    assert "registered" in repr(RegInfo.parse(registration(odd).encode()))


def test_only_the_contacts_own_uri_counts() -> None:
    odd = CONTACT.replace("<uri>", '<uri><b xmlns="urn:x">sip:no@no</b>')
    odd = odd.replace("</contact>", '<uri xmlns="urn:x">sip:no@no</uri></contact>')
    inner = f'<b xmlns="urn:x"><uri xmlns="{NAMESPACE}">sip:no@no</uri></b></contact>'
    odd = odd.replace("</contact>", inner)
    assert "no@no" not in repr(RegInfo.parse(registration(odd).encode()))


def test_comments_and_instructions_mean_nothing() -> None:
    body = "<?pi x?><!-- x -->" + registration(CONTACT.replace("ue@", "u<!-- x --><?pi x?>e@"))
    assert RegInfo.parse(body.encode()) == RegInfo.parse(registration().encode())


def test_utf_8_with_and_without_a_mark() -> None:
    body = registration(CONTACT.replace("ue@", "ü@")).encode()
    assert RegInfo.parse(b"\xef\xbb\xbf" + body) == RegInfo.parse(body)
    assert "sip:ü@" in repr(RegInfo.parse(body))


def test_utf_8_counts_whatever_the_declaration_names() -> None:
    body = '<?xml version="1.0" encoding="ISO-8859-1"?>' + registration(
        CONTACT.replace("ue@", "ü@")
    )
    assert "sip:ü@" in repr(RegInfo.parse(body.encode()))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_refused(encoding: str) -> None:
    for user in ("ue", "ü"):  # the octets of the first are UTF-8, if a strange one
        body = registration(CONTACT.replace("ue@", f"{user}@"))
        assert refusal(body.encode(encoding)) == "not UTF-8"


def test_latin_1_is_refused() -> None:
    body = registration(CONTACT.replace("ue@", "ü@"))
    assert refusal(body.encode("latin-1")) == "not UTF-8"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "not well-formed"),
        ("hello", "not well-formed"),
        (document() * 2, "not well-formed"),
        (document("<registration>"), "not well-formed"),
        (document("&unknown;"), "not well-formed"),
        (document("&#0;"), "not well-formed"),
        (document("\x01"), "not well-formed"),
        (document("<o:x/>"), "not well-formed"),
        ('<reginfo version="0" state="full"/>', "another format"),
        ('<reginfo xmlns="urn:x" version="0" state="full"/>', "another format"),
        (f'<registration xmlns="{NAMESPACE}"/>', "another format"),
        (document(root='state="full"'), "no version"),
        (document(root='version="0"'), "no state"),
        (document(root='version="0" state="half"'), "unknown state"),
        (registration(head='id="r" state="active"'), "no aor"),
        (registration(head='aor="sip:a@b" state="active"'), "no id"),
        (registration(head='aor="sip:a@b" id="r"'), "no state"),
        (registration(head='aor="sip:a@b" id="r" state="done"'), "unknown state"),
        (registration(CONTACT.replace('id="c"', "")), "no id"),
        (registration(CONTACT.replace('state="active"', "")), "no state"),
        (registration(CONTACT.replace('"active"', '"init"')), "unknown state"),
        (registration(CONTACT.replace('event="registered"', "")), "no event"),
        (registration(CONTACT.replace("uri>", "url>")), "no uri of a contact"),
        (registration(CONTACT.replace("sip:ue@192.0.2.1", " ")), "no uri of a contact"),
    ],
)
def test_a_wrong_document_is_refused(body: str, reason: str) -> None:
    assert refusal(body) == reason


def test_a_contact_without_uri_does_not_take_the_one_before() -> None:
    bare = '<contact id="d" state="terminated" event="expired"/>'
    assert refusal(registration(CONTACT + bare)) == "no uri of a contact"


@pytest.mark.parametrize("version", ["-1", "", "1.0", "x", "0x10", "٣", "4294967296", "9" * 5000])
def test_a_version_that_is_no_number_of_32_bits_is_refused(version: str) -> None:
    assert "version" in refusal(document(root=f'version="{version}" state="full"'))


def test_a_version_may_have_blanks_and_zeros() -> None:
    body = document(root='version=" 0004294967295 " state="full"')
    assert RegInfo.parse(body.encode()).version == 2**32 - 1


@pytest.mark.parametrize("name", ["expires", "retry-after"])
def test_a_wrong_time_is_refused(name: str) -> None:
    for text in ("-5", "soon", str(2**64)):
        assert name in refusal(registration(CONTACT.replace("event", f'{name}="{text}" event')))


# hostile input

# each but the first is ten of the one before
LAUGHS = '<!ENTITY l0 "ha">' + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
)


@pytest.mark.parametrize(
    "doctype",
    [
        f"<!DOCTYPE reginfo [{LAUGHS}]>",
        '<!DOCTYPE reginfo [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE reginfo SYSTEM "http://192.0.2.1/x.dtd">',
        '<!DOCTYPE reginfo PUBLIC "a" "http://192.0.2.1/x.dtd">',
        '<!DOCTYPE reginfo [<!ENTITY % l9 SYSTEM "http://192.0.2.1/x.dtd"> %l9;]>',
        "<!DOCTYPE reginfo>",
        '<!DOCTYPE reginfo [<!ATTLIST reginfo state CDATA "full">]>',
    ],
)
def test_a_document_type_is_refused_before_it_is_read(doctype: str) -> None:
    body = f"{doctype}{registration(CONTACT.replace('ue@', '&l9;@'))}".encode()
    tracemalloc.start()
    try:
        assert refusal(body) == "a document type declaration"
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()


def test_ten_thousand_contacts_are_refused() -> None:
    assert refusal(registration(CONTACT * 10_000)) == "too many contacts"


def test_contacts_count_over_all_registrations() -> None:
    one = f'<registration aor="sip:a@b" id="r" state="active">{CONTACT * 100}</registration>'
    assert len(RegInfo.parse(document(one * 10).encode()).registrations) == 10
    assert refusal(document(one * 11)) == "too many contacts"


def test_many_registrations_are_refused() -> None:
    one = '<registration aor="sip:a@b" id="r" state="active"/>'
    assert len(RegInfo.parse(document(one * 256).encode()).registrations) == 256
    assert refusal(document(one * 257)) == "too many registrations"


def test_a_deep_document_is_refused() -> None:
    assert RegInfo.parse(document("<a>" * 15 + "</a>" * 15).encode()).registrations == ()
    assert refusal(document("<a>" * 16 + "</a>" * 16)) == "nested too deeply"
    assert refusal(document("<a>" * 100_000)) == "nested too deeply"


@pytest.mark.parametrize(
    "piece",
    ["<a/>", "x<a/>", "<a><b/></a>", "&amp;", "<!---->", "<?a?>", "\n", "<![CDATA[]]>", "<uri/>"],
)
def test_the_largest_body_is_read_in_a_moment(piece: str) -> None:
    inside = CONTACT.replace("<uri>", "<uri>" + piece * (DEFAULT.max_body // len(piece)))
    began = time.perf_counter()
    RegInfo.parse(registration(inside).encode())
    assert time.perf_counter() - began < 0.5


def test_a_document_that_breaks_off_anywhere_is_refused() -> None:
    whole = FULL.rstrip().encode()
    for end in range(len(whole)):
        assert refusal(whole[:end])


def outcome(body: bytes) -> str:
    """What becomes of a document: "read", or the reason it is refused with."""
    try:
        RegInfo.parse(body)
    except ParseError as error:
        return error.reason
    return "read"


def test_broken_documents_are_read_or_refused_in_a_line() -> None:
    source = random.Random(1)
    seen = set()
    for _ in range(3000):
        broken = bytearray(FULL.encode())
        for _ in range(source.randint(1, 4)):
            broken[source.randrange(len(broken))] = source.randrange(256)
        seen.add(outcome(bytes(broken)))
    assert len(seen) > 5
    assert all(len(reason) < 100 and reason.isprintable() for reason in seen)


def test_nothing_is_left_for_the_garbage_collector() -> None:
    with no_garbage():
        assert outcome(FULL.encode()) == "read"
        for body in ("<!DOCTYPE x>" + FULL, FULL[:100], "<a/>"):
            assert outcome(body.encode()) != "read"
