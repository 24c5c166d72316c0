"""The console's files as they leave the server."""

import asyncio
import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from aiohttp import ClientSession, web

from pcscf.admin.pages import HEADERS, add_pages

Answer = tuple[int, str, dict[str, str]]

NAMES = sorted(file.name for file in (files("pcscf.admin") / "console").iterdir() if file.is_file())
_SPECIFIERS = re.compile(r'(?:from|import) "\./([\w.]+)"')
_REFERENCES = re.compile(r'(?:href|src)="(console/[^"]*)"')


async def _fetched(paths: list[str]) -> list[Answer]:
    app = web.Application()
    add_pages(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with ClientSession(f"http://127.0.0.1:{port}") as session:
            return [await _answer(session, path) for path in paths]
    finally:
        await runner.cleanup()


async def _answer(session: ClientSession, path: str) -> Answer:
    async with session.get(path) as response:
        return response.status, await response.text(), dict(response.headers)


def fetch(*paths: str) -> list[Answer]:
    return asyncio.run(_fetched(list(paths)))


def references(text: str) -> Iterator[str]:
    yield from (f"/console/{name}" for name in _SPECIFIERS.findall(text))
    yield from (f"/{path}" for path in _REFERENCES.findall(text))


def test_every_file_is_served_and_every_file_that_one_names_exists() -> None:
    seen: dict[str, str] = {}
    wanted = {"/"}
    while wanted:
        paths = sorted(wanted)
        for path, (status, text, _) in zip(paths, fetch(*paths), strict=True):
            assert status == 200, path
            seen[path] = text
        wanted = {path for text in seen.values() for path in references(text)} - seen.keys()
    unused = {f"/console/{name}" for name in NAMES} - seen.keys() - {"/console/index.html"}
    assert not unused


@pytest.mark.parametrize("path", ["/", "/console/main.js", "/console/console.css"])
def test_a_page_can_load_nothing_but_its_own_files(path: str) -> None:
    [(_, _, headers)] = fetch(path)
    assert headers.items() >= HEADERS.items()
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_nothing_in_the_page_is_inline() -> None:
    [(_, text, _)] = fetch("/")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", text)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/console/main.js", "text/javascript"),
        ("/console/console.css", "text/css"),
        ("/console/icon.svg", "image/svg+xml"),
    ],
)
def test_types(path: str, kind: str) -> None:
    [(_, _, headers)] = fetch(path)
    assert headers["Content-Type"] == f"{kind}; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/console/no.js", "/console/..%2fpages.py", "/console/__init__.py", "/console/"]
)
def test_nothing_else_is_served(path: str) -> None:
    [(status, text, _)] = fetch(path)
    assert status == 404
    assert "import" not in text


def test_nothing_of_the_page_comes_from_elsewhere() -> None:
    for name in NAMES:
        text = (files("pcscf.admin") / "console" / name).read_text("utf-8")
        addresses = re.findall(r"https?://[^\s\"')]+", text)
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, name
