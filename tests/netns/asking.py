"""Questions to the admin side of a P-CSCF, over its Unix socket."""

import json
import socket
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

Sentences = list[dict[str, Any]]


class AdminSocket:
    """The API at a Unix socket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, path: str) -> Any:
        """Ask for a resource; AssertionError unless it is there."""
        connection = HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        try:
            connection.sock.connect(str(self.path))
            connection.request("GET", path)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, (path, answer.status, content)
        return json.loads(content)

    def why(self, who: str) -> Sentences:
        """Ask why somebody is not registered."""
        told = self.get(f"/api/why/{quote(who, safe='')}")
        assert told["who"] == who
        sentences: Sentences = told["sentences"]
        return sentences

    def texts(self, who: str) -> list[str]:
        """Give level and text of the sentences."""
        return [f"{one['level']}: {one['text']}" for one in self.why(who)]
