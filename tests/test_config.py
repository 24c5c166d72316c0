"""The settings: what the shipped file says, what is refused and in which words."""

import dataclasses
import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from pcscf.config import Settings, load
from pcscf.core.flow import Endpoint, Transport
from pcscf.core.guard_policy import GuardPolicy
from pcscf.core.media_policy import Codec, MediaPolicy
from pcscf.core.policy import (
    CORE_TIMERS,
    GM_TIMERS,
    DnsPolicy,
    EdgePolicy,
    EmergencyPolicy,
    GmAddress,
    HealthPolicy,
    LivenessPolicy,
    NextHop,
    RegEventPolicy,
    RegEventRoute,
    RouteCheck,
    SecAgree,
    Target,
    Timers,
    WithoutECscf,
)
from pcscf.errors import ConfigError
from pcscf.sip.limits import Limits as SipLimits
from tests.minimal import MINIMAL
from xfrm.algorithms import SUITES, Suite
from xfrm.model import SelectorMode

SHIPPED = Path(__file__).parent.parent / "config" / "pcscf.toml"


@pytest.fixture
def write(tmp_path: Path):
    """A settings file with the text given; returns its path."""

    def writer(text: str) -> Path:
        path = tmp_path / "pcscf.toml"
        path.write_text(text)
        return path

    return writer


@pytest.fixture
def complaints(write):
    """The lines that refuse a text, without the file's name in front."""

    def read(text: str) -> list[str]:
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            load(path)
        return [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]

    return read


def set_key(section: str, line: str) -> str:
    """The minimal file with one more key, or another value of a key that it has."""
    name = line.partition(" ")[0]
    head, found, tail = MINIMAL.partition(f"[{section}]\n")
    if not found:
        return f"{MINIMAL}[{section}]\n{line}\n"
    return head + found + f"{line}\n" + re.sub(rf"(?m)^{name} = .*\n", "", tail, count=1)


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every key of the model as (section.key, default)."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field.default


def documented(text: str) -> dict[str, str]:
    """Section.key -> the comment above it, of a TOML file with one key a line."""
    found, section, comment = {}, "", []
    for line in text.splitlines():
        if line.startswith("#"):
            comment.append(line)
        elif header := re.fullmatch(r"\[(.+)\]", line):
            section, comment = header[1] + ".", []
        elif key := re.match(r"(\w+) = ", line):
            found[section + key[1]] = " ".join(comment)
            comment = []
        elif not line:
            comment = []
    return found


def test_the_shipped_file_explains_every_key_and_no_other():
    comments = documented(SHIPPED.read_text())
    assert set(comments) == {name for name, _ in leaves(Settings)}
    assert [name for name, comment in comments.items() if not comment] == []


def test_the_shipped_file_marks_what_is_required():
    comments = documented(SHIPPED.read_text())
    required = {name for name, default in leaves(Settings) if default is PydanticUndefined}
    assert {n for n, comment in comments.items() if comment.startswith("# Required.")} == required


def test_the_shipped_file_holds_the_defaults():
    settings = load(SHIPPED)
    required = {
        "gm": {"addresses": settings.gm.addresses},
        "core": {"addresses": settings.core.addresses, "next_hops": ["udp:198.51.100.9:5060"]},
        "network": {"visited_network": settings.network.visited_network},
    }
    bare = Settings.model_validate(required)
    core = bare.core.model_copy(update={"next_hops": settings.core.next_hops})
    assert bare.model_copy(update={"core": core}) == settings


def test_the_defaults_are_those_of_the_core(write):
    settings = load(write(MINIMAL))
    policy = settings.policy(settings.security.algorithms)
    assert policy == EdgePolicy(
        gm=(GmAddress("192.0.2.1", 5060, 6100, range(6112, 6128)),),
        core=(Endpoint("198.51.100.1", 5080),),
        next_hops=(NextHop(Transport.UDP, Endpoint("198.51.100.9", 5060)),),
        suites=settings.security.algorithms,
        visited_network="ims.example",
        entry_points=(Target("198.51.100.9", 5060, Transport.UDP),),
    )
    assert (policy.gm_timers, policy.core_timers) == (GM_TIMERS, CORE_TIMERS)
    assert settings.sip_limits() == SipLimits()


def test_no_legacy_suite_is_on_by_default_and_all_others_are(write):
    offered = set(load(write(MINIMAL)).security.algorithms)
    assert offered == {suite for suite in SUITES if not suite.legacy}


def test_every_value_reaches_the_core(write):
    text = """
        [gm]
        addresses = ["2001:DB8::1"]
        port = 5062
        port_ps = 7000
        ports_pc = "7008-7009"
        selectors = "tolerant"
        [core]
        addresses = ["2001:db8::1"]
        port = 5090
        next_hops = ["sip:home.example", "tcp:[2001:db8::9]:5061"]
        next_hop_timeout = 2
        [core.health]
        interval = 1
        timeout = 2
        failures = 4
        successes = 5
        hold = 6
        max_retry_after = 7
        [dns]
        timeout = 8
        min_ttl = 9
        max_ttl = 10
        negative_ttl = 11
        stale = 12
        cache_size = 13
        max_waiting = 14
        [network]
        visited_network = "a"
        orig_ioi = "b"
        [security]
        policy = "off"
        by_network = [{ network = "2001:db8::/64", policy = "prefer" }]
        algorithms = ["HMAC-MD5-96/null"]
        null_without_ealg = false
        require_verify = true
        reg_await_auth = 100
        sa_slack = 20
        sa_linger = 10
        replace_on_clash = true
        [proxy]
        route_check = "enforce"
        timer_c = 200
        udp_limit = 1080
        [emergency]
        e_cscf = ["udp:[2001:db8::11]:5060"]
        numbers = ["112"]
        anonymous = true
        max_anonymous = 5
        without_e_cscf = "s-cscf"
        notify = ["sip:desk@example.net"]
        [media]
        remove_codecs = ["Audio/EVS", "018"]
        keep_codecs = ["audio/AMR-WB"]
        max_ptime = 20
        max_maxptime = 40
        [reg_event]
        enabled = false
        expires_margin = 60
        route = "service-route"
        grace = 2
        [liveness]
        interval = 30
        silent_after = 900
        answer_480 = true
        [timers.gm]
        t1 = 1
        [timers.core]
        t4 = 6
        [limits]
        max_message = 2000
        max_body = 1000
        max_head = 1500
        max_headers = 10
        max_line = 100
        max_pending = 1
        max_pending_per_source = 2
        max_registrations = 3
        max_contacts_per_user = 5
        max_transactions = 4
        max_dialogs = 6
        [guard]
        source_rate = 1
        source_burst = 2
        user_rate = 3
        user_burst = 4
        block_points = 5
        points_fade = 6
        block_time = 7
        block_time_max = 8
        max_sources = 9
        max_blocked = 10
        trusted = ["192.0.2.0/24"]
        blocked = ["2001:db8::/32"]
        user_agents = ["abc"]
        overload_lag = 11
        overload_lag_severe = 12
        retry_after_min = 13
        retry_after_max = 14
        """
    settings = load(write(text))
    policy = settings.policy((Suite("hmac-md5-96", "null"),))
    assert policy == EdgePolicy(
        gm=(GmAddress("2001:db8::1", 5062, 7000, range(7008, 7010)),),
        core=(Endpoint("2001:db8::1", 5090),),
        next_hops=(NextHop(Transport.TCP, Endpoint("2001:db8::9", 5061)),),
        suites=settings.security.algorithms,
        visited_network="a",
        orig_ioi="b",
        sec_agree=SecAgree.OFF,
        sec_agree_by_network=((ip_network("2001:db8::/64"), SecAgree.PREFER),),
        selectors=SelectorMode.TOLERANT,
        null_without_ealg=False,
        require_verify=True,
        reg_await_auth=100,
        sa_slack=20,
        sa_linger=10,
        replace_on_clash=True,
        media=MediaPolicy(
            remove=frozenset({Codec("evs", "audio"), Codec("18")}),
            keep=frozenset({Codec("amr-wb", "audio")}),
            max_ptime=20,
            max_maxptime=40,
        ),
        next_hop_timeout=2,
        max_pending=1,
        max_pending_per_source=2,
        max_registrations=3,
        max_contacts_per_user=5,
        max_transactions=4,
        max_dialogs=6,
        route_check=RouteCheck.ENFORCE,
        timer_c=200,
        udp_limit=1080,
        emergency=EmergencyPolicy(
            e_cscf=(Target("2001:db8::11", 5060, Transport.UDP),),
            numbers=frozenset({"112"}),
            anonymous=True,
            max_anonymous=5,
            without_e_cscf=WithoutECscf.S_CSCF,
            notify=("sip:desk@example.net",),
        ),
        guard=GuardPolicy(
            source_rate=1,
            source_burst=2,
            user_rate=3,
            user_burst=4,
            block_points=5,
            points_fade=6,
            block_time=7,
            block_time_max=8,
            max_sources=9,
            max_blocked=10,
            trusted=(ip_network("192.0.2.0/24"),),
            blocked=(ip_network("2001:db8::/32"),),
            user_agents=("abc",),
            overload_lag=11,
            overload_lag_severe=12,
            retry_after_min=13,
            retry_after_max=14,
        ),
        reg_event=RegEventPolicy(False, 60, RegEventRoute.SERVICE_ROUTE, 2),
        liveness=LivenessPolicy(30, 900, True),
        limits=SipLimits(2000, 1000, 1500, 10, 100),
        gm_timers=Timers(1, 16, 17),
        core_timers=Timers(0.5, 4, 6),
        dns=DnsPolicy(8, 9, 10, 11, 12, 13, 14),
        health=HealthPolicy(1, 2, 4, 5, 6, 7),
        entry_points=(Target("home.example"), Target("2001:db8::9", 5061, Transport.TCP)),
    )
    assert settings.sip_limits() == SipLimits(2000, 1000, 1500, 10, 100)
    for value in (
        policy,
        policy.guard,
        policy.reg_event,
        policy.dns,
        policy.health,
        policy.emergency,
        policy.liveness,
        settings.sip_limits(),
    ):
        same = [f.name for f in dataclasses.fields(value) if getattr(value, f.name) == f.default]
        assert same == [], "the file above must give every field another value than its default"


REFUSED = [
    ("gm", "prot = 1", "gm.prot: unknown key"),
    ("gm", "port = 0", "gm.port: Input should be greater than or equal to 1"),
    ("gm", "addresses = []", "gm.addresses: Tuple should have at least 1 item"),
    ("gm", 'addresses = ["localhost"]', "gm.addresses[1]: not a numeric address; names are not"),
    ("gm", 'addresses = ["192.0.2.1", "0.0.0.0"]', "gm.addresses[2]: must be one global"),
    ("gm", 'addresses = ["fe80::1%eth0"]', "gm.addresses[1]: must be one global"),
    ("gm", 'addresses = ["192.0.2.1", "192.0.2.1"]', "gm.addresses: names something twice"),
    ("gm", "port_ps = 5061", "gm.port_ps: a protected port is not 5060, 5061"),
    ("gm", "port = 6100", "gm.port_ps: a protected port is not 5060, 5061 or gm.port"),
    ("gm", "port = 6113", "gm.ports_pc: a protected port is not 5060, 5061 or gm.port"),
    ("gm", "port_ps = 6127", "gm.ports_pc: contains gm.port_ps"),
    ("gm", 'ports_pc = "5056-5063"', "gm.ports_pc: a protected port is not 5060"),
    ("gm", 'ports_pc = "6112"', "gm.ports_pc: must be two ports"),
    ("gm", 'ports_pc = "6112-6112"', "gm.ports_pc: must be at least two ports in 1..65535"),
    ("gm", 'ports_pc = "65534-65537"', "gm.ports_pc: must be at least two ports in 1..65535"),
    ("gm", 'ports_pc = "6112-6126"', "gm.ports_pc: must be a power of two"),
    ("gm", 'ports_pc = "6113-6128"', "gm.ports_pc: must be a power of two"),
    ("gm", 'selectors = "loose"', "gm.selectors: Input should be 'strict' or 'tolerant'"),
    ("core", "next_hops = []", "core.next_hops: Tuple should have at least 1 item"),
    ("core", 'next_hops = ["udp:1.2.3:5060"]', "core.next_hops[1]: neither an address nor the"),
    ("core", 'next_hops = ["tls:1.2.3.4:5061"]', "core.next_hops[1]: must be udp:HOST:PORT, tcp"),
    ("core", 'next_hops = ["udp:1.2.3.4:0"]', "core.next_hops[1]: the port must be in 1..65535"),
    ("core", 'next_hops = ["udp:[2001:db8::9]:5060"]', "core.next_hops[1]: no address of its fam"),
    ("core", 'next_hops = ["udp:198.51.100.1:5080"]', "core.next_hops[1]: is this P-CSCF itself"),
    ("core", 'next_hops = ["sip:198.51.100.1:5080"]', "core.next_hops[1]: is this P-CSCF itself"),
    ("core.health", "interval = -1", "core.health.interval: Input should be greater than or equal"),
    ("core.health", "failures = 0", "core.health.failures: Input should be greater than 0"),
    (
        "gm",
        'routes = [{ to = "10.46.0.0/16", via = "2001:db8::8" }]',
        "gm.routes[1].via: is not of the family of `to`",
    ),
    ("gm", 'routes = [{ to = "10.46.0.0/16", via = "upf" }]', "gm.routes[1].via: not a numeric"),
    ("dns", 'servers = ["ns.example"]', "dns.servers[1]: not a numeric address; names are not"),
    ("dns", "max_ttl = 1", "dns.max_ttl: is less than min_ttl"),
    ("network", 'visited_network = "a\\"b"', "network.visited_network: String should match"),
    ("network", 'visited_network = ""', "network.visited_network: String should match"),
    ("security", "algorithms = []", "security.algorithms: Tuple should have at least 1 item"),
    ("security", 'algorithms = ["null/null"]', "security.algorithms[1]: must be one of hmac-sha-1"),
    ("security", 'algorithms = ["null/aes-gcm", "null/aes-gcm"]', "security.algorithms: names som"),
    ("security", 'policy = "maybe"', "security.policy: Input should be 'require', 'prefer' or"),
    ("security", "reqid = 0", "security.reqid: Input should be greater than or equal to 1"),
    ("security", "sa_slack = -1", "security.sa_slack: Input should be greater than 0"),
    (
        "security",
        'by_network = [{ network = "10.0.0.1/8", policy = "off" }]',
        "security.by_network[1].network: not a range of addresses: 10.0.0.1/8 has host",
    ),
    ("media", 'remove_codecs = ["fax/T38"]', "media.remove_codecs[1]: must be the name or payload"),
    ("media", 'keep_codecs = ["AMR/8000"]', "media.keep_codecs[1]: must be the name or payload"),
    ("media", 'keep_codecs = ["audio/"]', "media.keep_codecs[1]: must be the name or payload"),
    ("media", "keep_codecs = [8, 128]", "media.keep_codecs[2]: a payload type is 0 to 127"),
    ("media", 'keep_codecs = ["AMR", "amr"]', "media.keep_codecs: names something twice"),
    ("media", "max_ptime = -1", "media.max_ptime: Input should be greater than or equal to 0"),
    ("media", "max_ptime = 40\nmax_maxptime = 20", "media.max_ptime: is above media.max_maxptime"),
    (
        "media",
        'keep_codecs = ["G729", "AMR"]\nremove_codecs = ["AMR"]',
        "media.keep_codecs[2]: is in media.remove_codecs too",
    ),
    ("emergency", "anonymous = true", "emergency.anonymous: needs emergency.e_cscf"),
    ("emergency", 'numbers = ["1 1 2"]', "emergency.numbers[1]: String should match pattern"),
    ("emergency", 'notify = ["desk"]', "emergency.notify[1]: must be a SIP URI"),
    ("emergency", 'e_cscf = ["udp:[::9]:1"]', "emergency.e_cscf[1]: no address of its family"),
    ("liveness", "interval = -1", "liveness.interval: Input should be greater than or equal"),
    ("liveness", "interval = 1801", "liveness.silent_after: is less than two intervals"),
    ("liveness", "answer_480 = true", "liveness.answer_480: needs liveness.interval"),
    ("timers.gm", "t1 = 20", "timers.gm.t2: is less than t1"),
    ("limits", "max_message = 100", "limits.max_message: Input should be greater than or equal"),
    ("guard", "source_rate = -1", "guard.source_rate: Input should be greater than or equal to"),
    ("guard", "block_points = 0", "guard.block_points: Input should be greater than 0"),
    ("guard", 'trusted = ["all"]', "guard.trusted[1]: not a range of addresses"),
    ("guard", 'user_agents = [""]', "guard.user_agents[1]: String should have at least 3"),
    ("guard", "block_time_max = 1", "guard.block_time_max: is less than block_time"),
    ("guard", "overload_lag_severe = 0.01", "guard.overload_lag_severe: is less than overload"),
    ("guard", "retry_after_max = 1", "guard.retry_after_max: is less than retry_after_min"),
    ("log", 'level = "loud"', "log.level: Input should be 'debug', 'info', 'warning' or 'error'"),
    ("admin", 'socket = "admin.sock"', "admin.socket: must be an absolute path"),
    ("admin", 'socket_mode = "rw"', "admin.socket_mode: String should match pattern"),
    ("admin", 'http = "localhost:8060"', "admin.http: must be ADDRESS:PORT, IPv6 in brackets"),
    ("admin", 'http = "1.2.3:8060"', "admin.http: not a numeric address; names are not resolved"),
    ("admin", 'http = "127.0.0.1:0"', "admin.http: the port must be in 1..65535"),
    ("admin", 'http = "192.0.2.1:8060"', "admin.http: is not loopback: it needs admin.token_file"),
    ("admin", 'http = "[::]:8060"', "admin.http: is not loopback: it needs admin.token_file"),
    ("admin", 'hosts = ["a b"]', "admin.hosts[1]: String should match pattern"),
    ("extra", "key = 1", "extra: unknown key"),
]


@pytest.mark.parametrize(("section", "line", "complaint"), REFUSED)
def test_a_bad_value_is_refused_by_its_key(complaints, section, line, complaint):
    assert complaints(set_key(section, line))[0].startswith(complaint)


def test_every_mistake_gets_its_own_line(complaints):
    text = MINIMAL.replace('addresses = ["192.0.2.1"]', "port = 70000\nprot = 1")
    assert complaints(text) == [
        "gm.addresses: is required",
        "gm.port: Input should be less than or equal to 65535",
        "gm.prot: unknown key",
    ]


def test_a_shared_address_needs_ports_apart(complaints, write):
    shared = MINIMAL.replace("198.51.100.1", "192.0.2.1")
    load(write(shared))
    for port in (5060, 6100, 6112):
        text = shared.replace("[core]", f"[core]\nport = {port}")
        assert complaints(text) == ["core.port: is a Gm port too, and 192.0.2.1 is on both sides"]


def test_different_addresses_may_use_one_port(write):
    assert load(write(set_key("core", "port = 5060"))).core.port == 5060


def test_a_missing_file_and_bad_toml_are_named(tmp_path, complaints):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (line,) = complaints("[gm\n")
    assert line.startswith("not TOML: ")
    assert "line 1" in line


def test_the_environment_wins_over_the_file(write, monkeypatch):
    monkeypatch.setenv("PCSCF_GM__PORT", "5062")
    monkeypatch.setenv("PCSCF_GM__ADDRESSES", '["192.0.2.7"]')
    monkeypatch.setenv("PCSCF_TIMERS__GM__T1", "1.5")
    settings = load(write(MINIMAL))
    assert (settings.gm.port, settings.gm.addresses) == (5062, ("192.0.2.7",))
    assert (settings.timers.gm.t1, settings.timers.gm.t2) == (1.5, 16.0)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PCSCF_GM__PORT", "0", "environment: gm.port: Input should be greater"),
        ("PCSCF_GM__PROT", "1", "environment: gm.prot: unknown key"),
        ("PCSCF_GN__PORT", "1", "environment: PCSCF_GN__PORT: unknown section"),
        ("PCSCF_GM__ADDRESSES", "192.0.2.7", "environment: "),
    ],
)
def test_a_bad_variable_is_blamed_on_the_environment(write, monkeypatch, name, value, complaint):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load(write(MINIMAL))
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "http"),
    [("0.0.0.0:8060", Endpoint("0.0.0.0", 8060)), ("[::1]:80", Endpoint("::1", 80)), ("", None)],
)
def test_the_admin_side_may_be_told_where_to_listen_by_the_environment(
    write, monkeypatch, text, http
):
    monkeypatch.setenv("PCSCF_ADMIN__HTTP", text)
    monkeypatch.setenv("PCSCF_ADMIN__TOKEN_FILE", "/run/secrets/token")
    assert load(write(MINIMAL)).admin.http == http


def test_variables_of_other_programs_are_left_alone(write, monkeypatch):
    monkeypatch.setenv("PCSCF_SERVICE_HOST", "10.0.0.1")
    assert load(write(MINIMAL)).gm.port == 5060


def test_name_servers_are_as_written(write):
    settings = load(write(set_key("dns", 'servers = ["192.0.2.53:5353"]')))
    assert settings.dns.servers == (Endpoint("192.0.2.53", 5353),)


@pytest.mark.parametrize("text", ["tcp:[2001:db8::9]:5060", "udp:198.51.100.9:1"])
def test_next_hops_print_as_they_are_written(write, text):
    host = "2001:db8::1" if "[" in text else "198.51.100.1"
    lines = set_key("core", f'next_hops = ["{text}"]').replace("198.51.100.1", host)
    (hop,) = load(write(lines)).policy(()).next_hops
    assert str(hop) == text


@pytest.mark.parametrize("kind", ["sqlite", "valkey"])
def test_a_store_needs_keys(write, complaints, kind):
    store = f'{MINIMAL}[store]\nkind = "{kind}"\n'
    (line,) = complaints(store)
    assert line.startswith("store.key_file: is required: the store holds keys")
    load(write(f'{store}key_file = "/keys"\n'))


def test_a_file_needs_its_path(complaints):
    store = f'{MINIMAL}[store]\nkind = "sqlite"\nkey_file = "/keys"\npath = ""\n'
    assert complaints(store) == ['store.path: is required with kind = "sqlite"']


@pytest.mark.parametrize(
    ("lines", "used"),
    [
        ("", "none"),
        ('key_file = "/keys"', "sqlite"),
        ('kind = "none"\nkey_file = "/keys"', "none"),
        ('kind = "valkey"\nkey_file = "/keys"', "valkey"),
    ],
)
def test_a_key_makes_a_file_the_store(write, lines, used):
    assert load(write(f"{MINIMAL}[store]\n{lines}\n")).store.used == used


def test_the_password_of_a_store_is_not_shown(write, complaints):
    url = "valkey://:secret@127.0.0.1:6379/0"
    assert "secret" not in repr(load(write(set_key("store", f'url = "{url}"'))))
    assert "secret" not in str(complaints(set_key("store", f'url = "{url}?x=secret"')))
