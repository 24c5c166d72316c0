"""Routing by prefix: some numbers go to hosts of their own, in place of the S-CSCF.

Of several prefixes that fit, the longest counts. Of its hosts the first is asked; when it is
silent, or answers 503, the next one. All other requests go as usual.
"""

from pcscf.hooks import RequestView, number_of

ROUTES = {
    "+4930": ("sip:203.0.113.30", "sip:203.0.113.31;transport=tcp"),
    "+49301": ("sip:gw.example.net",),  # looked up as RFC 3263 has it
    "*21": ("sip:203.0.113.40:5070",),
}


def before_core(request: RequestView) -> None:
    """Choose where a call goes. What belongs to it later goes the same way by itself."""
    if request.in_dialog or request.method != "INVITE":
        return
    number = number_of(request.uri)
    fitting = [prefix for prefix in ROUTES if number.startswith(prefix)]
    if fitting:
        request.route_to(*ROUTES[max(fitting, key=len)])
