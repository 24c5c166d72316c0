"""The console: a page for people, as files that a browser gets as they are.

The files hold nothing of the P-CSCF: whatever the page shows, it asks of /api, with the token
that is typed into it. So they may be given to anybody, also where there is a token.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from aiohttp import web

# Nothing in the page is inline, and none of its scripts makes elements of text: Trusted Types
# (W3C) has the browser refuse what could.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_INDEX: Final = "index.html"
_TYPES: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


def add_pages(app: web.Application) -> None:
    """Serve the console at / and its files below /console/. They are read once, here."""
    pages = _read()

    async def page(request: web.Request) -> web.Response:
        name = request.match_info.get("name", _INDEX)
        if name not in pages:
            raise web.HTTPNotFound(text="no such file of the console\n")
        content_type = _TYPES[name.rpartition(".")[2]]
        return web.Response(
            body=pages[name], content_type=content_type, charset="utf-8", headers=HEADERS
        )

    app.router.add_get("/", page)
    app.router.add_get("/console/{name}", page)


def _read() -> dict[str, bytes]:
    folder = files("pcscf.admin") / "console"
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.name.rpartition(".")[2] in _TYPES
    }
