"""``pcscf ues``, ``ue`` and ``sas`` of phones that really registered."""

import json
import re

import pytest

from pcscf.admin.parts import Json, Parts
from pcscf.core.flow import Transport
from pcscf.core.policy import SecAgree
from pcscf.core.views import SaSetView
from tests.admin.desk import OTHER, OTHER_UE, another
from tests.commands.spoken import shell
from tests.core.phone import Phone
from tests.core.stage import CK, GM, IK, IMPI, IMPU, UE, UE6, Stage
from tests.net.support import looped

SUITE = "hmac-sha-1-96/aes-cbc"


class Counts:
    """A diagnosis that has counters for two of the four SAs."""

    def xfrm_errors(self) -> dict[str, int]:
        return {}

    def drops(self) -> Json:
        return {}

    async def why(self, who: str) -> list[Json]:
        return []

    def sas(self, one: SaSetView) -> list[Json]:
        ends = {"src": one.ue, "src_port": one.port_uc, "dst": one.pcscf, "dst_port": one.port_ps}
        good = {"packets": 12, "bytes": 3456, "replay": 0, "integrity_failed": 3}
        unknown = dict.fromkeys(good)
        return [{"spi": one.spi_ps, **ends, **good}, {"spi": one.spi_us, **ends, **unknown}]


def columns(line: str) -> list[str]:
    return re.split(r"  +", line)


@looped
async def test_phones_are_a_line_each():
    async with shell(stage=Stage(sec_agree=SecAgree.PREFER)) as s:
        assert await s.says("ues") == ["no phones"]
        Phone(s.stage).registered()
        assert columns((await s.says("ues"))[1])[:3] == [IMPU, UE, SUITE]
        other = another(s.stage)
        other.transport, other.security_client = Transport.TCP, ""
        other.says_in_clear(other.register())
        s.stage.accept()
        head, first, second, foot = await s.says("ues")
        assert columns(head) == ["IDENTITY", "ADDRESS", "SECURITY", "EXPIRES", "NOTES"]
        assert re.fullmatch(r"9m 5\ds|10m 00s", columns(first)[3])
        assert columns(second)[:3] == [f"sip:{OTHER}", OTHER_UE, "clear"]
        assert columns(second)[4] == "TCP"
        assert foot == "2 phones"


@looped
async def test_pages_say_where_they_are():
    async with shell() as s:
        Phone(s.stage).registered()
        another(s.stage).registered()
        assert (await s.says("ues", "--most", 1))[2] == "1 to 1 of 2 phones (--first, --most)"
        assert (await s.says("ues", "--first", 1))[2] == "2 to 2 of 2 phones (--first, --most)"
        assert await s.says("ues", "--first", 7) == ["none from 7 on of 2 phones"]
        assert (await s.says("ues", "--find", "OTHER"))[2] == "1 phone"
        assert await s.says("ues", "--find", "nobody") == ["no phones"]


@pytest.mark.parametrize("who", [IMPU, IMPI, UE, "tel:+491701234567"])
@looped
async def test_one_phone_has_identities_contacts_and_its_four_sas(who):
    async with shell() as s:
        phone = Phone(s.stage)
        phone.registered()
        lines = await s.says("ue", who)
        assert lines[0] == f"{IMPU} at {UE}"
        text = "\n".join(lines)
        for fact in (
            f"private identity  {IMPI}",
            "accepted by       udp:203.0.113.9:5060",
            "identity          tel:+491701234567",
            f"contact           sip:ue@{UE}:40002 of {IMPU}",
        ):
            assert f"  {fact}\n" in text
        assert re.search(r"registered {8}for (9m 5\ds|10m 00s) more, over UDP, under SAs\n", text)
        own = phone.set_in_kernel()
        assert [columns(line) for line in lines[-4:]] == [
            [f"0x{own.spi_ps:08x}", f"{UE}:{own.port_uc}", f"{GM}:{own.port_ps}"],
            [f"0x{own.spi_us:08x}", f"{GM}:{own.port_pc}", f"{UE}:{own.port_us}"],
            [f"0x{own.spi_uc:08x}", f"{GM}:{own.port_ps}", f"{UE}:{own.port_uc}"],
            [f"0x{own.spi_pc:08x}", f"{UE}:{own.port_us}", f"{GM}:{own.port_pc}"],
        ]


def test_the_four_sas_are_those_that_the_kernel_gets() -> None:
    from pcscf.commands.phones import _four
    from xfrm.model import AkaKeys, SelectorMode

    stage = Stage()
    Phone(stage).registered()
    (own,) = stage.kernel
    (view,) = stage.edge.views.sas(stage.now, 0, 1)
    shown = {tuple(row) for row in _four(view._asdict())}
    installed = {
        (
            f"0x{sa.id.spi:08x}",
            f"{sa.source}:{sa.selector.source_ports.port}",
            f"{sa.id.destination}:{sa.selector.destination_ports.port}",
        )
        for sa in own.associations(AkaKeys(bytes(16), bytes(16)), 1, SelectorMode.STRICT, 0)
    }
    assert shown == installed


@looped
async def test_counters_are_shown_where_the_kernel_has_them():
    async with shell(Parts(diagnosis=Counts())) as s:
        phone = Phone(s.stage)
        phone.registered()
        head, first, second = (columns(line) for line in (await s.says("ue", UE))[-3:])
        assert head == ["SPI", "FROM", "TO", "PACKETS", "OCTETS", "REPLAYED", "BAD ICV"]
        assert first[3:] == ["12", "3456", "0", "3"]
        assert second[3:] == ["-", "-", "-", "-"]


@looped
async def test_all_phones_of_a_user_are_shown():
    async with shell() as s:
        Phone(s.stage).registered()
        second = Phone(s.stage, host=UE6, call_id="second")
        second.says_in_clear(second.register().replace(b"REGISTER sip:", b"REGISTER sip:", 1))
        second.take_server(s.stage.challenge())
        second.says(second.answer())
        first_contact = s.stage.edge.views.ues(s.stage.now, 0, 1)[0].bindings[0].contact
        request = s.stage.last_to_core()
        s.stage.core_says(request, 200, f"Contact: <{first_contact}>, <{request.contacts[0].uri}>")
        text = await s.says("ue", IMPU)
        assert [line for line in text if " at " in line] == [f"{IMPU} at {UE}", f"{IMPU} at {UE6}"]


@looped
async def test_a_phone_that_is_not_there_is_a_line_and_status_1():
    async with shell() as s:
        assert await s.refuses("ue", "sip:nobody@home.example") == (
            "no phone of sip:nobody@home.example is registered here"
        )


@looped
async def test_sa_sets_are_a_line_each():
    async with shell() as s:
        assert await s.says("sas") == ["no SA sets"]
        phone = Phone(s.stage)
        phone.registered()
        another(s.stage).challenged()
        head, first, second, foot = await s.says("sas")
        assert columns(head) == ["ADDRESS", "STAGE", "ALGORITHMS", "EXPIRES", "SPI PS", "SPI US"]
        own = phone.set_in_kernel()
        assert columns(first)[:3] == [UE, "current", SUITE]
        assert columns(first)[4:] == [f"0x{own.spi_ps:08x}", f"0x{own.spi_us:08x}"]
        assert columns(second)[:2] == [OTHER_UE, "temporary"]
        assert foot == "2 SA sets"


@pytest.mark.parametrize("words", [("ues",), ("sas",), ("ue", UE)])
@looped
async def test_json_is_what_the_api_answers_and_has_no_key(words):
    async with shell() as s:
        Phone(s.stage).registered()
        found = json.loads("\n".join(await s.says(*words, "--json")))
        answer = (await s.desk.get("/api/" + "/".join(words).replace("ue/", "ues/"))).json
        assert set(found) == set(answer)
        assert CK not in str(found)
        assert IK not in str(found)


@pytest.mark.parametrize("words", [("ues",), ("sas",)])
@looped
async def test_watching_shows_it_again_until_it_is_interrupted(words, monkeypatch):
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    async with shell() as s:
        Phone(s.stage).registered()
        said = await s.types(*words, "--watch")
        assert (said.status, said.err) == (130, [])
        assert len([line for line in said.out if UE in line]) == 3
        assert pauses == [2.0] * 3


@looped
async def test_numbers_have_a_range():
    async with shell() as s:
        assert (await s.types("ues", "--most", 501)).status == 2
        assert (await s.types("ues", "--first", -1)).status == 2
