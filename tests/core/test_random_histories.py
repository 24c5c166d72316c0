"""Random phones, a random core, a random kernel: what must always hold, holds.

The stage checks its invariants after every event; at the end everything has run out and
nothing may be left, not even for the garbage collector.
"""

from collections.abc import Callable
from random import Random

import pytest

from pcscf.core.effects import SendSip
from pcscf.core.events import FlowClosed, SaExpired, SasPresent
from pcscf.core.flow import Flow, Side, Transport
from pcscf.core.policy import SecAgree
from pcscf.sip.message import Request, Response, parse
from tests.core.phone import Phone
from tests.core.stage import FROM_CORE, TWO_HOPS, UE, UE6, Stage, digest
from tests.garbage import no_garbage
from xfrm.model import SelectorMode

STEPS = 250
KEY_MARK = "5ec2e75ec2e75ec2"  # begins every key
FINALS = (*[200] * 9, 202, 302, 403, 423, 480, 500, 503)


def phones_on(stage: Stage, rng: Random) -> list[Phone]:
    """Two users at one address, one user at two, one emergency registration."""
    users = [
        ("a@example.net", UE, "", ""),
        ("a@example.net", "192.0.2.11", "", "<urn:gsma:imei:1>"),
        ("b@example.net", UE, "", ""),
        ("b@example.net", UE6, "", ""),
        ("a@example.net", UE, ";sos", ""),
    ]
    return [
        Phone(
            stage,
            host=host,
            impi=impi,
            impu=f"sip:{impi}",
            port_uc=20000 + 1000 * number,
            port_us=20001 + 1000 * number,
            spi_uc=100_000 * (number + 1),
            spi_us=100_000 * (number + 1) + 1,
            transport=rng.choice(list(Transport)),
            contact_params=params,
            instance=instance,
            call_id=f"call-{number}",
        )
        for number, (impi, host, params, instance) in enumerate(users)
    ]


class History:
    """One run. Phones and core keep what they heard, and use it late, twice or never."""

    def __init__(self, seed: int, *, restarts: bool = False) -> None:
        self.restarts = restarts
        self.rng = Random(seed)
        self.stage = Stage(
            seed=-1 - seed,
            next_hops=TWO_HOPS[: self.rng.choice([1, 2])],
            sec_agree=self.rng.choice([SecAgree.REQUIRE, SecAgree.PREFER]),
            selectors=self.rng.choice(list(SelectorMode)),
            replace_on_clash=self.rng.random() < 0.3,
        )
        self.phones = phones_on(self.stage, self.rng)
        self.phone = self.phones[0]
        self.live = {phone.call_id: phone.protected_flow() for phone in self.phones}
        self.stage.secrets.add(KEY_MARK)
        self.at_core: list[Request] = []
        self.at_phones: list[Request] = []
        self.sent: list[SendSip] = []
        self.flows: list[Flow] = [phone.clear_flow() for phone in self.phones]
        self.messages: list[tuple[Flow, bytes]] = []
        self.heard = 0
        self.taken: list[str] = []  # names of the steps so far

    def run(self, number: int = STEPS) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (3, self.register_in_clear),
            (3, self.register_under_sa),
            (8, self.core_answers_a_register),
            (6, self.phone_answers_a_challenge),
            (8, self.mostly_a_whole_registration),
            (4, self.message),
            (3, self.again),
            (3, self.core_asks),
            (4, self.phone_answers),
            (4, self.time_passes),
            (1, self.sa_expires),
            (1, self.notifications_lost),
            (1, self.kernel_moods),
            (2, self.send_fails),
            (1, self.flow_closes),
            (1, self.noise),
            *[(3, self.another_process)] * self.restarts,
        ]
        weights = [weight for weight, _ in steps]
        for _ in range(number):
            _, step = self.rng.choices(steps, weights)[0]
            self.taken.append(step.__name__)
            step()
            self.listen()

    def ends(self) -> None:
        """Let everything run out: nothing is left, and nothing is written down any more."""
        self.stage.wait(1_300_000)
        self.stage.keeps()
        assert (self.stage.left_over(), self.stage.store) == ({}, {})

    def listen(self) -> None:
        """Let everybody hear what left since the last step."""
        for effect in self.stage.log[self.heard :]:
            if not isinstance(effect, SendSip):
                continue
            self.sent.append(effect)
            message = parse(effect.data)
            if effect.flow.side is Side.CORE:
                if isinstance(message, Request):
                    self.at_core.append(message)
            elif isinstance(message, Request):
                self.at_phones.append(message)
            else:
                self.phone_hears(message)
        self.heard = len(self.stage.log)

    def phone_hears(self, response: Response) -> None:
        for phone in self.phones:
            if phone.call_id == response.get("call-id") and "security-server" in response:
                phone.take_server(response)
            if phone.call_id == response.get("call-id") and response.status == 200:
                self.live[phone.call_id] = phone.protected_flow()

    # --- steps ---

    def deliver(self, flow: Flow, data: bytes) -> None:
        self.flows.append(flow)
        self.messages.append((flow, data))
        self.stage.receive(flow, data)

    def any_phone(self) -> Phone:
        """Mostly the one of the step before, or few registrations come to an end."""
        if self.rng.random() < 0.25:
            self.phone = self.rng.choice(self.phones)
        return self.phone

    def register_in_clear(self) -> None:
        phone = self.any_phone()
        if self.rng.random() < 0.7:
            phone.new_numbers(restart=self.rng.random() < 0.7)
        phone.security_client = "" if self.rng.random() < 0.1 else None
        self.deliver(phone.clear_flow(), self.a_register(phone))

    def register_under_sa(self) -> None:
        phone = self.any_phone()
        flow = self.live[phone.call_id]
        if self.rng.random() < 0.7:
            phone.new_numbers()
        self.deliver(flow, self.a_register(phone, f"Security-Verify: {phone.verify or 'tls'}"))

    def a_register(self, phone: Phone, *lines: str) -> bytes:
        auth = ', auts="x"' if self.rng.random() < 0.1 else ""
        kind = self.rng.random()
        if kind < 0.1:
            return phone.register(*lines, "Expires: 0", contact="*", nonce="n", auth=auth)
        expires = 0 if kind < 0.2 else self.rng.choice([60, 600, 600_000])
        return phone.register(*lines, expires=expires, nonce="n", response="r", auth=auth)

    def phone_answers_a_challenge(self) -> None:
        phone = self.any_phone()
        if self.rng.random() < 0.05:
            phone.verify = "tls"
        expires = self.rng.choice([0, 60, 600, 600_000])
        self.deliver(phone.protected_flow(), phone.answer(expires=expires))

    def core_answers_a_register(self) -> None:
        if not self.at_core:
            return
        latest = self.rng.random() < 0.7
        request = self.at_core[-1] if latest else self.rng.choice(self.at_core)
        if self.rng.random() < 0.5:
            self.core_challenges(request, self.rng.choice([401] * 9 + [407, 100, 200, 403]))
        else:
            self.core_decides(request, self.rng.choice(FINALS))

    def core_challenges(self, request: Request, status: int) -> None:
        keys = [KEY_MARK + self.rng.randbytes(8).hex() for _ in range(2)]
        scheme = self.rng.choice(["WWW-Authenticate", "Proxy-Authenticate"])
        self.stage.core_says(request, status, digest(*keys, scheme=scheme))

    def core_decides(self, request: Request, status: int) -> None:
        contacts = [f"Contact: {contact}" for contact in request.contacts if contact.uri != "*"]
        self.stage.core_says(request, status, *contacts)

    def mostly_a_whole_registration(self) -> None:
        """SM1 to SM12, in clear or under SAs; one time in three it ends somewhere midway."""
        in_clear = self.rng.random() < 0.5
        steps: tuple[Callable[[], None], ...] = (
            self.register_in_clear if in_clear else self.register_under_sa,
            lambda: self.core_challenges(self.at_core[-1], 401),
            lambda: self.deliver(self.phone.protected_flow(), self.phone.answer()),
            lambda: self.core_decides(self.at_core[-1], 200),
        )
        for step in steps:
            step()
            self.listen()
            if self.rng.random() < 0.1 or not self.at_core:
                return

    def message(self) -> None:
        phone = self.any_phone()
        live = self.live[phone.call_id]
        flow = self.rng.choice([phone.clear_flow(), phone.protected_flow(), live, live])
        self.deliver(flow, phone.message("MESSAGE", "sip:x@example.net"))

    def again(self) -> None:
        if self.messages:
            self.stage.receive(*self.rng.choice(self.messages[-10:]))

    def core_asks(self) -> None:
        tokens = list(self.stage.edge._context.registry._by_token)
        if tokens:
            self.stage.core_asks(self.rng.choice(tokens))

    def phone_answers(self) -> None:
        if self.at_phones:
            request = self.rng.choice(self.at_phones[-3:])
            flow = self.rng.choice(self.flows[-20:])
            status = self.rng.choice([100, 180, 200, 486])
            self.stage.receive(flow, self.phones[0].answers(request, status))

    def time_passes(self) -> None:
        self.stage.wait(self.rng.choice([0, 0.1, 0.6, 3, 3, 35, 130, 250, 700]))

    def sa_expires(self) -> None:
        if self.stage.kernel:
            sa_set = self.rng.choice(list(self.stage.kernel))
            self.stage.play(SaExpired(self.rng.choice(sa_set.ids)))

    def notifications_lost(self) -> None:
        held = [sa for sa_set in self.stage.kernel for sa in sa_set.ids]
        self.stage.play(SasPresent(frozenset(sa for sa in held if self.rng.random() < 0.98)))

    def kernel_moods(self) -> None:
        self.stage.refuse_install = "out of memory" if self.rng.random() < 0.2 else ""

    def send_fails(self) -> None:
        named = [effect for effect in self.sent[-10:] if effect.ref]
        if named:
            self.stage.send_fails(self.rng.choice(named))

    def flow_closes(self) -> None:
        flows = [effect.flow for effect in self.sent[-5:]]
        self.stage.play(FlowClosed(self.rng.choice(flows + self.flows[-20:])))

    def another_process(self) -> None:
        """Mostly all is written down by then; now and then the kernel has lost something too."""
        if self.rng.random() < 0.8:
            self.stage.keeps()
        gone = [sa_set for sa_set in self.stage.kernel if self.rng.random() < 0.1]
        self.stage.restarts(lost=gone)

    def noise(self) -> None:
        flow, data = self.rng.choice(self.messages or [(FROM_CORE, b"\r\n\r\n")])
        mangled = bytearray(data)
        for _ in range(self.rng.choice([1, 3, 30])):
            mangled[self.rng.randrange(len(mangled))] = self.rng.randrange(256)
        self.deliver(flow, bytes(mangled))


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens(seed: int) -> None:
    history = History(seed)
    with no_garbage():
        history.run()
        history.stage.wait(1_300_000)
    assert history.stage.left_over() == {}
    assert history.stage.edge.next_deadline() is None


@pytest.mark.parametrize("seed", range(40, 80))
def test_whatever_happens_while_processes_come_and_go(seed: int) -> None:
    history = History(seed, restarts=True)
    history.run()
    assert "restored" in {report.event for report in history.stage.reports}
    history.ends()


def test_random_histories_reach_what_they_are_for() -> None:
    """A run in which nobody registers proves nothing."""
    words: set[str] = set()
    for seed in range(10):
        history = History(seed)
        history.run()
        words |= {report.event for report in history.stage.reports}
    assert words >= {
        "challenge_refused", "challenge_unanswered", "challenged", "core_unreachable",
        "deregistered", "expired", "no_sa_for_flow", "not_challenged", "phone_unreachable",
        "registered", "registration_refused", "sa_install_failed", "sa_lost",
        "security_mismatch", "stray_response",
    }  # fmt: skip
