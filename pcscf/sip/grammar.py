r"""The fragments of RFC 3261 section 25 that this package reads, by their names there.

Every fragment is the source of a regular expression, with its rule beside it. They
are meant for *unfolded* text: a line break plus blanks has become one SP already, so
LWS is blanks alone. No fragment can backtrack more than linearly: alternatives start
with different characters, and what follows a group cannot start as the group does. Only single
characters repeat possessively (``*+``): for groups, early releases of Python 3.11 get that wrong.

Where phones are known to differ from the rule, the fragment is wider; the comment says so.
"""

# ruff: noqa: ERA001, N816, S105 - the comments are ABNF, the names are the RFC's

import re

from pcscf.errors import ParseError

# LWS = [*WSP CRLF] 1*WSP ; SWS = [LWS] ; after unfolding
LWS = r"[ \t]++"
SWS = r"[ \t]*+"

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
token_chars = r"A-Za-z0-9\-.!%*_+`'~"
token: str = rf"[{token_chars}]++"

# word = 1*(token characters / "(" / ")" / "<" / ">" / ":" / "\" / DQUOTE / "/" / "[" / "]"
#          / "?" / "{" / "}")
word = rf"[{token_chars}()<>:\\\"/\[\]?{{}}]++"

# quoted-string = SWS DQUOTE *(qdtext / quoted-pair) DQUOTE
# qdtext = LWS / %x21 / %x23-5B / %x5D-7E / UTF8-NONASCII
# quoted-pair = "\" (%x00-09 / %x0B-0C / %x0E-7F)
# Wider: qdtext takes control characters too; they do no harm inside quotes.
quoted_string: str = r'"(?:[^"\\\r\n]++|\\[^\r\n])*"'

# UTF8-NONASCII, on decoded text; bytes that are no UTF-8 are the surrogates DC80-DCFF
UTF8_NONASCII = "\x80-\U0010ffff"

# escaped = "%" HEXDIG HEXDIG
escaped: str = r"%[0-9A-Fa-f]{2}"

# unreserved = alphanum / mark ; mark = "-" / "_" / "." / "!" / "~" / "*" / "'" / "(" / ")"
unreserved_chars = r"A-Za-z0-9\-_.!~*'()"

# user = 1*(unreserved / escaped / user-unreserved)
# user-unreserved = "&" / "=" / "+" / "$" / "," / ";" / "?" / "/"
user_chars = rf"{unreserved_chars}&=+$,;?/"
user: str = rf"(?:[{user_chars}]++|{escaped})+"

# password = *(unreserved / escaped / "&" / "=" / "+" / "$" / ",")
password: str = rf"(?:[{unreserved_chars}&=+$,]++|{escaped})*"

# hostname = *(domainlabel "." ) toplabel ["."] ; domainlabel = alphanum / alphanum
#            *(alphanum / "-") alphanum
# Wider: "_" inside a label, as private networks name their hosts; a toplabel may start
# with a digit, so IPv4address = 1*3DIGIT 3("." 1*3DIGIT) is matched by this rule too.
domainlabel = r"[A-Za-z0-9]++(?:[-_]++[A-Za-z0-9]++)*"
hostname = rf"{domainlabel}(?:\.{domainlabel})*\.?"

# IPv6reference = "[" IPv6address "]" ; IPv6address = hexpart [":" IPv4address]
# Wider: any run of the characters; RFC 5118 4.10 asks to tolerate ":::" before IPv4.
IPv6address = r"[0-9A-Fa-f:.]{2,45}"
IPv6reference = rf"\[{IPv6address}\]"

# host = hostname / IPv4address / IPv6reference
host: str = rf"(?:{IPv6reference}|{hostname})"

# port = 1*DIGIT ; leading zeros are legal, the value is checked where it is read
port: str = r"[0-9]{1,10}"

# paramchar = param-unreserved / unreserved / escaped
# param-unreserved = "[" / "]" / "/" / ":" / "&" / "+" / "$"
paramchar = rf"(?:[\[\]/:&+${unreserved_chars}]++|{escaped})"

# uri-parameter = pname ["=" pvalue] ; pname = 1*paramchar ; pvalue = 1*paramchar
# Wider: an empty pvalue.
uri_parameter: str = rf"{paramchar}+(?:={paramchar}*)?"

# headers = "?" header *("&" header) ; header = hname "=" hvalue
hnv = rf"(?:[\[\]/?:+${unreserved_chars}]++|{escaped})"
headers: str = rf"{hnv}+={hnv}*(?:&{hnv}+={hnv}*)*"

# scheme = ALPHA *(ALPHA / DIGIT / "+" / "-" / ".")
scheme: str = r"[A-Za-z][A-Za-z0-9+\-.]*+"

# absoluteURI = scheme ":" (hier-part / opaque-part), made of reserved, unreserved, escaped
# Wider: "[" and "]" (RFC 3986 authority).
absoluteURI: str = rf"{scheme}:(?:[;/?:@&=+$,\[\]{unreserved_chars}]++|{escaped})+"

# gen-value = token / host / quoted-string
# Wider: any run of characters that cannot end the value; a bare IPv6address ("received",
# RFC 5118 4.5) and base64 with "=" (icid-value) come in practice.
gen_value = rf"(?:{quoted_string}|[^ \t\r\n;,\"<>]*+)"

# generic-param = token [EQUAL gen-value], with the SEMI before it
generic_param: str = rf"{SWS};{SWS}({token})(?:{SWS}={SWS}({gen_value}))?"

_TOKEN = re.compile(token)
_LONG = 20  # digits, enough for any number that SIP knows


def is_token(text: str) -> bool:
    """Say whether the whole text is one ``token``."""
    return _TOKEN.fullmatch(text) is not None


def number(text: str, maximum: int, what: str) -> int:
    """Read ``1*DIGIT``, 0 to ``maximum``; raises ParseError 400 naming ``what``.

    ``str.isdigit`` alone takes digits of other scripts, and ``int`` refuses very long
    runs with an error of its own; both are closed here.
    """
    if not (text.isascii() and text.isdigit()):
        raise ParseError(400, f"Bad {what}")
    value = int(text if len(text) < _LONG else text.lstrip("0")[:_LONG] or "0")
    if value > maximum:
        raise ParseError(400, f"{what} Out Of Range")
    return value


def unquote(text: str) -> str:
    """Take the quotes and backslashes off a quoted-string; other text stays as it is."""
    if not (len(text) >= 2 and text[0] == '"' == text[-1]):
        return text
    inner = text[1:-1]
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner


def quote(text: str) -> str:
    """Print text as a quoted-string; ValueError if it has line ends, which no quoting carries."""
    if "\r" in text or "\n" in text:
        raise ValueError("a quoted-string has no line ends")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
