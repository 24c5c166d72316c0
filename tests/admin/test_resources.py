"""Each resource, of phones that really registered, over a real Unix socket."""

from urllib.parse import quote

import pytest
from aiohttp import web

from pcscf.admin.parts import Json, Parts
from pcscf.core.events import Drain
from pcscf.core.views import SaSetView
from pcscf.store.keeper import Hold
from tests.admin.desk import OTHER_UE, another, desk, failing_store
from tests.core.phone import Phone
from tests.core.stage import CK, GM, IK, IMPI, IMPU, TWO_HOPS, UE, Stage
from tests.net.support import looped
from xfrm.errors import KernelRefusal

TEL = "tel:+491701234567"


class Told:
    """A diagnosis that tells what it is asked."""

    def xfrm_errors(self) -> dict[str, int]:
        return {"XfrmInNoStates": 3}

    def drops(self) -> Json:
        return {"counters": []}

    async def why(self, who: str) -> list[Json]:
        return [{"time": None, "level": "ok", "text": f"{who} is fine"}]

    def sas(self, sa_set: SaSetView) -> list[Json]:
        return [{"spi": sa_set.spi_uc, "packets": 7}]


def add_pages(app: web.Application) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=request.path, headers={"Content-Security-Policy": "own"})

    app.router.add_get("/", page)
    app.router.add_get("/console/{name}", page)


# -- probes


@looped
async def test_a_loop_that_turns_is_alive():
    async with desk() as d:
        answer = await d.get("/livez")
        assert (answer.status, answer.json) == (200, {"live": True})


@looped
async def test_it_is_ready_until_something_is_in_the_way():
    async with desk(stage=Stage(next_hops=TWO_HOPS)) as d:
        answer = await d.get("/readyz")
        assert (answer.status, answer.json) == (200, {"ready": True, "reasons": [], "notes": []})
        d.server.dispatch(Drain(on=True))
        d.kernel.refusal = KernelRefusal("look up an SA", 1, "EPERM", "needs CAP_NET_ADMIN")
        answer = await d.get("/readyz")
        assert (answer.status, answer.json["ready"]) == (503, False)
        draining, kernel = answer.json["reasons"]
        assert draining == "draining: no new phone is let in"
        assert kernel.startswith("the kernel does not answer: look up an SA: EPERM")


@looped
async def test_a_store_that_is_down_is_told_and_keeps_no_phone_away():
    async with desk(Parts(store=failing_store())) as d:
        answer = await d.get("/readyz")
        assert answer.status == 200
        assert answer.json["notes"] == ["the store is down: the disk is full"]
        status = (await d.get("/api/status")).json
        assert (status["ready"], status["notes"]) == (True, answer.json["notes"])
        assert status["store"]["state"] == "down"


class Instance:
    """One of several, with what it knows of the lease."""

    def __init__(self, hold: Hold | None) -> None:
        self.hold = hold
        self.reasons: list[str] = []


@looped
@pytest.mark.parametrize(
    ("hold", "status", "if_sure"),
    [(None, 200, 200), ("held", 200, 200), ("unsure", 200, 503), ("unasked", 503, 503),
     ("not held", 503, 503)],
)  # fmt: skip
async def test_addresses_belong_where_the_lease_is(hold, status, if_sure):
    async with desk(Parts(survival=Instance(hold))) as d:
        for path, expected in ("/leasez", status), ("/leasez?sure", if_sure):
            answer = await d.get(path)
            assert (answer.status, answer.json) == (expected, {"lease": hold})


@looped
async def test_who_is_alone_has_all_addresses():
    async with desk() as d:
        assert (await d.get("/leasez")).status == 200


# -- state


@looped
async def test_the_status_is_all_at_a_glance():
    async with desk() as d:
        Phone(d.stage).registered()
        status = (await d.get("/api/status")).json
        held, counted = status.pop("held"), status.pop("counted")
        assert status == {
            "version": "1.2.3",
            "started": "2026-01-31T12:00:00.250Z",
            "ready": True,
            "reasons": [],
            "notes": [],
            "draining": False,
            "store": None,
            "lease": None,
            "hooks": None,
            "log_level": "debug",
            "gm": [GM, "2001:db8:ff::5"],
            "suites": ["hmac-sha-1-96/aes-cbc"],
        }
        assert (held["registrations"], held["sa_sets"]) == (1, 1)
        assert counted == d.stage.edge.counted()


@looped
async def test_the_phones_are_listed():
    async with desk() as d:
        phone = Phone(d.stage)
        phone.registered()
        another(d.stage).registered()
        found = (await d.get("/api/ues")).json
        assert found["total"] == 2
        one = found["ues"][0]
        assert 590 < one.pop("expires_in") <= 600
        (binding,), (sas,) = one.pop("bindings"), one.pop("sas")
        assert one == {
            "impi": IMPI,
            "ue": UE,
            "instance": "",
            "emergency": False,
            "guest": False,
            "protected": True,
            "silent": False,
            "transport": "UDP",
            "identities": [f"<{IMPU}>", f"<{TEL}>"],
            "dialogs": 0,
            "next_hop": "udp:203.0.113.9:5060",
        }
        assert 590 < binding.pop("expires_in") <= 600
        assert binding == {
            "impu": IMPU,
            "contact": f"sip:ue@{UE}:40002",
            "associated": [f"<{IMPU}>", f"<{TEL}>"],
        }
        own = phone.set_in_kernel()
        assert 620 < sas.pop("expires_in") <= 630
        assert sas == {
            "impi": IMPI,
            "ue": UE,
            "pcscf": GM,
            "suite": "hmac-sha-1-96/aes-cbc",
            "stage": "current",
            "spi_uc": own.spi_uc,
            "spi_us": own.spi_us,
            "spi_pc": own.spi_pc,
            "spi_ps": own.spi_ps,
            "port_uc": own.port_uc,
            "port_us": own.port_us,
            "port_pc": own.port_pc,
            "port_ps": own.port_ps,
            "tcp": False,
        }


@looped
async def test_pages_and_a_text_that_is_looked_for():
    async with desk() as d:
        Phone(d.stage).registered()
        another(d.stage).registered()

        async def listed(query: str) -> tuple[int, list[str]]:
            found = (await d.get(f"/api/ues?{query}")).json
            return found["total"], [one["ue"] for one in found["ues"]]

        assert await listed("first=1") == (2, [OTHER_UE])
        assert await listed("most=1") == (2, [UE])
        assert await listed("first=2&most=500") == (2, [])
        assert await listed("find=OTHER%40") == (1, [OTHER_UE])
        assert await listed("find=192.0.2.1&first=1&most=1") == (2, [OTHER_UE])
        assert await listed("find=nobody") == (0, [])
        assert await listed("find=") == (2, [UE, OTHER_UE])


@pytest.mark.parametrize(
    "query", ["first=-1", "most=501", "most=x", "most=", "first=1e3", "first=٣"]
)
@pytest.mark.parametrize("path", ["/api/ues", "/api/sas"])
@looped
async def test_a_page_that_is_none_is_refused(path, query):
    async with desk() as d:
        answer = await d.get(f"{path}?{quote(query, safe='=')}")
        assert answer.status == 400
        assert answer.error.startswith(f"{query.partition('=')[0]} is a number of 0 to ")


@pytest.mark.parametrize("who", [IMPU, IMPI, UE, TEL])
@looped
async def test_one_phone_by_any_of_its_names(who):
    async with desk(Parts(diagnosis=Told())) as d:
        phone = Phone(d.stage)
        phone.registered()
        another(d.stage).challenged()
        (one,) = (await d.get(f"/api/ues/{quote(who, safe='')}")).json["ues"]
        assert one["impi"] == IMPI
        assert one["sas"][0]["sas"] == [{"spi": phone.spi_uc, "packets": 7}]


@looped
async def test_a_phone_without_diagnosis_has_no_counters():
    async with desk() as d:
        Phone(d.stage).registered()
        (one,) = (await d.get(f"/api/ues/{UE}")).json["ues"]
        assert "sas" not in one["sas"][0]


@looped
async def test_nobody_is_not_found():
    async with desk() as d:
        answer = await d.get("/api/ues/sip%3Anobody%40home.example")
        assert (answer.status, answer.error) == (
            404,
            "no phone of sip:nobody@home.example is registered here",
        )
        answer = await d.get("/api/ues/" + 256 * "x")
        assert (answer.status, answer.error) == (400, "a name is 255 characters at most")


@looped
async def test_sa_sets_next_hops_and_blocked_sources():
    async with desk() as d:
        Phone(d.stage).registered()
        another(d.stage).challenged()
        sas = (await d.get("/api/sas?first=1")).json
        assert (sas["total"], [one["stage"] for one in sas["sas"]]) == (2, ["temporary"])
        assert (await d.get("/api/next-hops")).json == {
            "next_hops": [
                {
                    "next_hop": "udp:203.0.113.9:5060",
                    "state": "active",
                    "flags": "AX",
                    "failures": 0,
                    "reason": "",
                }
            ]
        }
        assert (await d.get("/api/blocked")).json == {"blocked": []}
        scanner = Phone(d.stage, host="198.18.0.1")
        for _ in range(5):
            scanner.says_in_clear(scanner.register("User-Agent: friendly-scanner"))
        (one,) = (await d.get("/api/blocked")).json["blocked"]
        assert 50 < one.pop("expires_in") <= 60
        assert one == {"source": "198.18.0.1", "reason": "scanner"}


@looped
async def test_metrics_are_in_prometheus_own_format():
    async with desk(Parts(diagnosis=Told())) as d:
        Phone(d.stage).registered()
        answer = await d.get("/metrics")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = answer.body.decode().splitlines()
        assert 'pcscf_registrations{kind="protected"} 1.0' in lines
        assert 'pcscf_xfrm_errors_total{counter="XfrmInNoStates"} 3.0' in lines


# -- what others build


@looped
async def test_drops_and_why_are_the_diagnosis():
    async with desk(Parts(diagnosis=Told())) as d:
        assert (await d.get("/api/drops")).json == {"counters": []}
        assert (await d.get(f"/api/why/{quote(IMPU, safe='')}")).json == {
            "who": IMPU,
            "sentences": [{"time": None, "level": "ok", "text": f"{IMPU} is fine"}],
        }


@looped
async def test_the_console_is_its_pages_with_headers_of_their_own():
    async with desk(Parts(console=add_pages)) as d:
        for path in ("/", "/console/a.js"):
            page = await d.get(path)
            assert (page.status, page.body.decode()) == (200, path)
            assert page.headers["Content-Security-Policy"] == "own"
            assert page.headers["Connection"] == "close"


@pytest.mark.parametrize("path", ["/api/drops", "/api/why/x", "/api/trace", "/api/trace/x", "/"])
@looped
async def test_what_is_not_there_is_said_in_a_line(path):
    async with desk() as d:
        answer = await d.get(path)
        assert answer.status == 501
        assert answer.error.startswith("this P-CSCF ")


# -- all of them


@looped
async def test_no_key_is_in_any_answer():
    async with desk(Parts(diagnosis=Told())) as d:
        phone = Phone(d.stage)
        phone.registered()
        phone.rechallenged()
        paths = ("status", "ues", f"ues/{UE}", "sas", "next-hops", "blocked", "drops", "why/x")
        said = [await d.get(f"/api/{path}") for path in paths] + [await d.get("/metrics")]
        assert {one.status for one in said} == {200}
        text = b"".join(one.body for one in said).decode().lower()
        assert not [key for key in (CK, IK) if key in text]
