"""Header rewriting: dialled numbers in one form, and nothing said of products.

Numbers as people dial them here become international ones before the core sees them. What a phone
is made of stays with us, and so does what the core is made of.
"""

from pcscf.hooks import RequestView, ResponseView, number_of

COUNTRY = "+49"
TO_ABROAD = "00"
TO_OTHER_AREAS = "0"


def before_core(request: RequestView) -> None:
    """Rewrite what a phone asks of the core."""
    if request.phone is not None and request.phone.emergency:
        return
    request.set("User-Agent", "UE")
    if not request.in_dialog:  # within a dialog the Request-URI is the other side's own
        dialled = number_of(request.uri)
        if (number := international(dialled)) != dialled:
            request.uri = f"tel:{number}"


def on_response(response: ResponseView) -> None:
    """Take out what servers say of themselves."""
    if response.towards_phone:
        response.remove("Server")


def international(number: str) -> str:
    """Give a dialled number with its country code; short ones and others stay as they are."""
    if number.startswith(TO_ABROAD):
        return "+" + number.removeprefix(TO_ABROAD)
    if number.startswith(TO_OTHER_AREAS):
        return COUNTRY + number.removeprefix(TO_OTHER_AREAS)
    return number
