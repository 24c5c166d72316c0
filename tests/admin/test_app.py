"""What is the same for all resources: errors in one line, headers, who may ask."""

import io
import json
import re
from pathlib import Path

import pytest
import structlog
from aiohttp import web

from pcscf import log
from pcscf.admin.access import Access
from pcscf.admin.app import make_app
from pcscf.admin.parts import Parts, Subject
from pcscf.admin.streams import Streams
from pcscf.admin.visits import Visits
from tests.admin.desk import STARTED, Played, desk
from tests.core.stage import CK, Stage
from tests.net.support import looped
from xfrm.memory import MemoryKernel

TOKEN = "0123456789abcdef0123456789abcdef"
JSON = {"Content-Type": "application/json"}
DRAIN = b'{"on": true}'
ROOT = Path(__file__).parent.parent.parent
STAGE = Stage()
SUBJECT = Subject(STAGE.edge, Played(STAGE), MemoryKernel(), "1.2.3", STARTED, (), ())


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api/nothing", 404, "there is no such resource"),
        ("GET", "/console/../secret", 404, "there is no such resource"),
        ("GET", "/api/drain", 405, "GET is not for this resource"),
        ("POST", "/api/ues", 405, "POST is not for this resource"),
        ("DELETE", "/api/ues", 405, "DELETE is not for this resource"),
        ("HEAD", "/api/trace", 405, ""),
    ],
)
@looped
async def test_errors_are_one_line_of_json(method, path, status, error):
    async with desk() as d:
        answer = await d.ask(method, path)
        assert answer.status == status
        assert answer.headers["Content-Type"].startswith("application/json")
        if error:
            assert answer.error == error


def test_the_page_lists_every_resource() -> None:
    app = make_app(SUBJECT, Parts(), Access(), Streams(None, Visits()))
    served = {
        f"{route.method} {route.resource.canonical.replace('{who}', 'WHO')}"
        for route in app.router.routes()
        if route.resource and route.method != "HEAD"
    }
    page = (ROOT / "docs" / "operate.md").read_text()
    listed = {path.partition("?")[0] for path in re.findall(r"`((?:GET|POST) /[^`]*)`", page)}
    assert listed == served


@looped
async def test_what_is_wrong_with_the_method_says_which_are_right():
    async with desk() as d:
        assert (await d.get("/api/drain")).headers["Allow"] == "POST"


@looped
async def test_a_defect_tells_no_secret():
    def add_pages(app: web.Application) -> None:
        async def defect(_request: web.Request) -> web.Response:
            raise ValueError(CK)

        app.router.add_get("/", defect)

    stream = io.StringIO()
    log.configure("info", "json", stream)
    async with desk(Parts(console=add_pages)) as d:
        answer = await d.get("/")
        assert (answer.status, answer.error) == (500, "a defect of this P-CSCF; its log says where")
        assert (await d.get("/livez")).status == 200
    (line,) = [one for one in map(json.loads, stream.getvalue().splitlines()) if "error" in one]
    assert (line["event"], line["path"]) == ("admin_failed", "/")
    assert line["error"].startswith("ValueError at test_app.py:")
    assert CK not in stream.getvalue()
    structlog.reset_defaults()


@looped
async def test_browsers_are_told_to_be_careful():
    async with desk() as d:
        for path in ("/livez", "/api/ues", "/api/nothing"):
            headers = (await d.tcp("GET", path)).headers
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "Access-Control-Allow-Origin" not in headers
            assert headers["Connection"] == "close"
            assert headers["Server"] == "pcscf"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 200),
        ({}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({**JSON, "Host": "evil.example"}, 403),
        ({**JSON, "Host": ""}, 400),
        ({**JSON, "Origin": "http://evil.example"}, 403),
        ({**JSON, "Origin": "null"}, 403),
        ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
@looped
async def test_over_tcp_a_page_elsewhere_cannot_drain(headers, status):
    async with desk() as d:
        answer = await d.tcp("POST", "/api/drain", DRAIN, headers)
        assert answer.status == status
        assert d.stage.edge.draining is (status == 200)


@looped
async def test_over_tcp_a_token_is_needed_where_there_is_one(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    async with desk(token_file=str(file)) as d:
        assert (await d.tcp("GET", "/livez")).status == 200
        for path in ("/api/ues", "/api/nothing", "/metrics"):
            assert (await d.tcp("GET", path)).status == 401
        wrong = {**JSON, "Authorization": f"Bearer {TOKEN[::-1]}"}
        assert (await d.tcp("POST", "/api/drain", DRAIN, wrong)).status == 401
        assert not d.stage.edge.draining
        right = {**JSON, "Authorization": f"Bearer {TOKEN}"}
        assert (await d.tcp("POST", "/api/drain", DRAIN, right)).status == 200
        assert (await d.get("/api/ues")).status == 200  # over the Unix socket none is


@looped
async def test_over_the_unix_socket_its_mode_has_decided():
    async with desk() as d:
        assert (await d.get("/api/ues", Host="whatever.example")).status == 200
        assert (await d.ask("POST", "/api/drain", DRAIN)).status == 200


@looped
async def test_a_name_among_ours_is_answered():
    async with desk(hosts=("pcscf.example.net",)) as d:
        assert (
            await d.tcp("GET", "/api/ues", headers={"Host": "pcscf.example.net:1"})
        ).status == 200
