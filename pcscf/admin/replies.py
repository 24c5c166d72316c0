"""Answers in JSON."""

import json
from collections.abc import Iterable

from aiohttp import web

from pcscf.admin.parts import Json


def reply(
    content: Json, status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> web.Response:
    """Answer with an object. All of it is ASCII, whatever a peer calls itself."""
    body = json.dumps(content).encode() + b"\n"
    return web.Response(
        status=status, body=body, headers=dict(headers), content_type="application/json"
    )
