"""A module of an operator's own that a hook file takes a function from."""

from pcscf.hooks import RequestView


def before_core(request: RequestView) -> None:
    request.set("X-From", "elsewhere")
