"""Which phones are silent, by the packets that the kernel has counted under their SAs."""

import pytest

from pcscf.core.events import SasUsed
from pcscf.core.flow import Transport
from pcscf.core.policy import LivenessPolicy, SecAgree
from tests.core.phone import Phone
from tests.core.stage import IMPI, UE, Stage
from xfrm.model import SaId

LOOK, SILENT = 60.0, 600.0
ON = LivenessPolicy(interval=LOOK, silent_after=SILENT)
REFUSING = LivenessPolicy(interval=LOOK, silent_after=SILENT, answer_480=True)
LONG = 7200  # seconds of a registration: longer than any silence here


class Counters:
    """The kernel's counts, and looks at them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.packets: dict[SaId, int] = {}

    def count(self, sa: SaId) -> None:
        self.packets[sa] = self.packets.get(sa, 0) + 1

    def look(self, *, parts: int = 1) -> None:
        """One look at all SAs, handed in as so many events."""
        told = [(sa, self.packets.get(sa, 0)) for one in self.stage.kernel for sa in one.ids]
        for part in range(parts):
            self.stage.play(SasUsed(dict(told[part::parts])))

    def look_for(self, seconds: float) -> None:
        """Let time pass, with the usual looks."""
        for _ in range(round(seconds / LOOK)):
            self.stage.wait(LOOK)
            self.look()


def setting(policy: LivenessPolicy) -> tuple[Stage, Phone, Counters]:
    """A phone that has just registered."""
    stage = Stage(liveness=policy)
    phone = Phone(stage)
    phone.registered(expires=LONG)
    return stage, phone, Counters(stage)


def told(stage: Stage) -> list[str]:
    """What was reported of silence."""
    return [one.event for one in stage.reports if one.event in {"phone_silent", "phone_back"}]


@pytest.mark.parametrize("which", [0, 3])
def test_a_packet_under_either_inbound_sa_is_a_sign_of_life(which: int) -> None:
    stage, phone, counters = setting(ON)
    for _ in range(30):
        stage.wait(LOOK)
        counters.count(phone.set_in_kernel().ids[which])
        counters.look()
    assert told(stage) == []


@pytest.mark.parametrize("which", [1, 2])
def test_what_we_send_is_none(which: int) -> None:
    stage, phone, counters = setting(ON)
    for _ in range(30):
        stage.wait(LOOK)
        counters.count(phone.set_in_kernel().ids[which])
        counters.look()
    assert told(stage) == ["phone_silent"]


def test_silence_is_told_once_when_its_time_is_over() -> None:
    stage, _, counters = setting(ON)
    counters.look_for(SILENT - LOOK)
    assert told(stage) == []
    counters.look_for(LOOK)
    (report,) = [one for one in stage.reports if one.event == "phone_silent"]
    assert (report.level, report.fields) == ("info", {"impi": IMPI, "ue": UE})
    counters.look_for(2 * SILENT)
    assert told(stage) == ["phone_silent"]
    assert stage.edge.held()["silent_phones"] == 1
    assert stage.edge.counted()["phone_silent"] == 1


def test_silence_counts_from_the_last_packet_that_was_seen() -> None:
    stage, phone, counters = setting(ON)
    counters.look_for(SILENT - LOOK)
    counters.count(phone.set_in_kernel().ids[0])
    counters.look_for(SILENT)
    assert told(stage) == []
    counters.look_for(LOOK)
    assert told(stage) == ["phone_silent"]


@pytest.mark.parametrize("parts", [1, 4])
def test_one_packet_is_told_as_the_end_of_silence(parts: int) -> None:
    stage, phone, counters = setting(ON)
    counters.look_for(SILENT)
    counters.count(phone.set_in_kernel().ids[3])
    counters.look(parts=parts)
    assert told(stage) == ["phone_silent", "phone_back"]
    assert stage.edge.held()["silent_phones"] == 0
    counters.look(parts=parts)
    assert told(stage) == ["phone_silent", "phone_back"]


def test_a_phone_that_speaks_just_before_its_time_is_over_is_not_silent_in_between() -> None:
    stage, phone, counters = setting(ON)
    counters.look_for(SILENT - LOOK)
    stage.wait(LOOK)
    counters.count(phone.set_in_kernel().ids[3])  # the kernel tells of the other one first
    counters.look()
    assert told(stage) == []


def test_sip_ends_silence_without_a_look() -> None:
    stage, phone, counters = setting(ON)
    counters.look_for(SILENT)
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    assert told(stage) == ["phone_silent", "phone_back"]


def test_the_old_set_counts_as_the_new_one_does() -> None:
    stage, phone, counters = setting(ON)
    (old,) = stage.kernel
    phone.reregistered()
    for _ in range(8):
        stage.wait(LOOK)
        counters.count(old.ids[0])
        counters.look()
    counters.look_for(SILENT - LOOK)
    assert told(stage) == []


def test_a_new_registration_ends_silence() -> None:
    stage, phone, counters = setting(ON)
    counters.look_for(SILENT)
    phone.new_numbers(restart=True)
    phone.registered(expires=LONG)
    assert told(stage) == ["phone_silent", "phone_back"]


def test_by_default_nobody_is_silent_and_nothing_is_held() -> None:
    stage, _, counters = setting(LivenessPolicy())
    counters.look_for(5 * SILENT)
    assert told(stage) == []
    assert "watched" not in stage.left_over()


def test_nothing_is_ever_sent_to_find_out() -> None:
    stage, phone, counters = setting(ON)
    stage.wait(200)
    sent = len(stage.to_phone)
    counters.look_for(2 * SILENT)
    counters.count(phone.set_in_kernel().ids[0])
    counters.look_for(SILENT)
    assert told(stage) == ["phone_silent", "phone_back"]
    assert len(stage.to_phone) == sent


def test_a_phone_without_sas_is_not_judged() -> None:
    stage = Stage(liveness=REFUSING, sec_agree=SecAgree.PREFER)
    phone = Phone(stage, security_client="")
    phone.says_in_clear(phone.register())
    stage.accept(expires=LONG)
    Counters(stage).look_for(2 * SILENT)
    assert told(stage) == []
    stage.core_asks(stage.edge._context.registry.of_user(phone.impi)[0].token)
    assert stage.last_asked_of_phone().method == "MESSAGE"


def test_sas_of_nobody_and_of_a_challenge_are_passed_over() -> None:
    stage, phone, counters = setting(ON)
    phone.rechallenged()
    for sa in phone.set_in_kernel().ids:
        counters.count(sa)
    counters.look()
    stage.play(SasUsed({SaId(UE, 42): 3}))
    assert told(stage) == []


# --- requests of the core to a silent phone ---


def silent(policy: LivenessPolicy = REFUSING) -> tuple[Stage, Phone, Counters, str]:
    stage, phone, counters = setting(policy)
    token = stage.token()
    counters.look_for(SILENT)
    assert told(stage) == ["phone_silent"]
    return stage, phone, counters, token


def test_a_request_to_a_silent_phone_is_answered_at_once_and_not_sent() -> None:
    stage, _, _, token = silent()
    sent = len(stage.to_phone)
    for method in ("MESSAGE", "INVITE"):
        stage.core_asks(token, method=method)
        assert stage.last_answer_to_core().status == 480
    assert len(stage.to_phone) == sent
    assert stage.edge.counted()["silent_answered"] == 2


def test_without_the_setting_it_is_sent() -> None:
    stage, _, _, token = silent(ON)
    stage.core_asks(token)
    assert stage.last_asked_of_phone().method == "MESSAGE"


@pytest.mark.parametrize("sip", [True, False])
def test_one_packet_makes_the_phone_one_to_ask(sip: bool) -> None:
    stage, phone, counters, token = silent()
    if sip:
        phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    else:
        counters.count(phone.set_in_kernel().ids[0])
        counters.look()
    stage.core_asks(token)
    assert stage.last_asked_of_phone().method == "MESSAGE"


def test_what_belongs_to_a_dialog_is_sent() -> None:
    """In a long call there may be no signalling for hours, and the other side hangs up."""
    stage, _, _, token = silent()
    stage.core_asks(token, method="BYE", uri=f"sip:ue@{UE}", to_tag="p1")
    assert stage.last_asked_of_phone().method == "BYE"


def test_a_phone_with_an_emergency_registration_is_tried() -> None:
    stage = Stage(liveness=REFUSING)
    phone = Phone(stage, contact_params=";sos")
    phone.registered(expires=LONG)
    token = stage.token()
    Counters(stage).look_for(SILENT)
    assert told(stage) == ["phone_silent"]
    stage.core_asks(token)
    assert stage.last_asked_of_phone().method == "MESSAGE"


def test_a_silent_phone_on_tcp_gets_no_connection_either() -> None:
    stage = Stage(liveness=REFUSING)
    phone = Phone(stage, transport=Transport.TCP)
    phone.registered(expires=LONG)
    token = stage.token()
    Counters(stage).look_for(SILENT)
    sent = len(stage.to_phone)
    stage.core_asks(token)
    assert stage.last_answer_to_core().status == 480
    assert len(stage.to_phone) == sent


# --- what is held ---


def test_a_registration_that_ends_is_forgotten() -> None:
    stage, _, counters = setting(ON)
    counters.look_for(SILENT)
    assert stage.left_over()["watched"] == 2  # as registered, and as silent
    stage.wait(LONG + 200)
    assert stage.left_over() == {}
    counters.look()
    assert told(stage) == ["phone_silent"]


def test_late_traffic_of_one_who_left_enters_nobody() -> None:
    stage, phone, counters = setting(ON)
    phone.says(phone.register(f"Security-Verify: {phone.verify}", expires=0))
    stage.accept(expires=0)
    assert len(stage.kernel) == 1  # it lingers
    phone.says(phone.message("MESSAGE", "sip:b@example.net"))
    counters.look()
    assert "watched" not in stage.left_over()
