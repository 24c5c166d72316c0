"""The settings read anew: what the server is told, and that an error changes nothing."""

import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from pcscf import log
from pcscf.config import Settings, load
from pcscf.core.policy import EdgePolicy
from pcscf.errors import StartError
from pcscf.hooks.loading import HookFile
from pcscf.hooks.loading import load as load_hooks
from pcscf.hooks.policy import HookPolicy
from pcscf.net.reload import Reloader, ReloadResult
from pcscf.store.key_file import add_key
from pcscf.store.sealing import Sealer
from tests.minimal import MINIMAL
from xfrm.algorithms import Suite

pytestmark = pytest.mark.usefixtures("written")


NOW = datetime(2026, 11, 26, tzinfo=UTC)


class Adopter:
    """A server that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Settings, EdgePolicy]] = []

    def adopt(self, settings: Settings, policy: EdgePolicy) -> None:
        self.told.append((settings, policy))


class Hooks:
    """Hooks that are put into service: their settings, and the names of their files."""

    def __init__(self) -> None:
        self.put: list[tuple[HookPolicy, str]] = []

    def read(self, policy: HookPolicy) -> HookFile | None:
        return load_hooks(Path(policy.file)) if policy.file else None

    def put_soon(self, policy: HookPolicy, file: HookFile | None) -> None:
        self.put.append((policy, file.path.name if file else ""))


class Recorder:
    """Keeps what it is to seal with."""

    def __init__(self) -> None:
        self.sealers: list[Sealer] = []

    def seal_with(self, sealer: Sealer) -> None:
        self.sealers.append(sealer)


class Scene:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.write(MINIMAL)
        self.server = Adopter()
        self.hooks = Hooks()
        self.lacks: set[Suite] = set()
        self.recorder = Recorder()  # of those with a store
        self.reloader = self.running()

    def running(self, recorder: Recorder | None = None) -> Reloader:
        """What a process has that was started with the file as it is."""
        settings = load(self.file)
        return Reloader(
            self.file, settings, self.server, self._usable, self.hooks, recorder=recorder
        )

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def _usable(self, suites: Iterable[Suite]) -> tuple[Suite, ...]:
        usable = tuple(suite for suite in suites if suite not in self.lacks)
        if not usable:
            raise StartError("no ESP in this kernel: modprobe esp4")
        return usable

    def reload(self, text: str) -> ReloadResult:
        self.write(text)
        return self.reloader.reload()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "pcscf.toml")


def test_what_can_change_does(scene: Scene, written: Callable[[], list[dict[str, Any]]]) -> None:
    result = scene.reload(MINIMAL + "[guard]\nsource_rate = 5\n[limits]\nmax_dialogs = 3\n")
    assert result == ReloadResult(applied=("limits.max_dialogs", "guard.source_rate"))
    ((settings, policy),) = scene.server.told
    assert (policy.guard.source_rate, policy.max_dialogs) == (5, 3)
    assert settings.guard.source_rate == 5
    (line,) = written()
    assert (line["event"], line["changed"]) == (
        "reloaded",
        "limits.max_dialogs guard.source_rate",
    )


def test_what_cannot_is_named_each_time_and_stays(
    scene: Scene, written: Callable[[], list[dict[str, Any]]]
) -> None:
    text = MINIMAL + "[security]\nreqid = 7\nsa_slack = 1\n"
    assert scene.reload(text) == ReloadResult(("security.sa_slack",), ("security.reqid",))
    assert scene.reload(text) == ReloadResult((), ("security.reqid",))
    assert [settings.security.reqid for settings, _ in scene.server.told] == [5060, 5060]
    assert [line["event"] for line in written()] == ["reloaded", "restart_needed"] * 2
    assert scene.reload(MINIMAL).needs_restart == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (MINIMAL + "[gaurd]\nsource_rate = 5\n", "gaurd: unknown key"),
        (MINIMAL + "[guard]\nsource_rate = 5\nuser_rat = 1\n", "guard.user_rat: unknown key"),
        ("[gm", "not TOML"),
        (
            MINIMAL + "[liveness]\nanswer_480 = true\n",
            "liveness.answer_480: needs liveness.interval",
        ),
    ],
)
def test_a_bad_file_changes_nothing(
    scene: Scene,
    written: Callable[[], list[dict[str, Any]]],
    text: str,
    complaint: str,
) -> None:
    result = scene.reload(text)
    assert (result.applied, result.needs_restart) == ((), ())
    (reason,) = result.errors
    assert complaint in reason
    assert scene.server.told == []
    assert [(line["level"], line["reason"]) for line in written()] == [("error", reason)]


def test_a_file_that_is_gone_changes_nothing(scene: Scene) -> None:
    scene.file.unlink()
    assert "cannot be read" in scene.reloader.reload().errors[0]
    assert scene.server.told == []


def test_new_keys_that_do_not_fit_those_that_stay_change_nothing(scene: Scene) -> None:
    """The file is right by itself: after a restart the core's addresses would be others."""
    text = MINIMAL.replace('"198.51.100.1"', '"2001:db8::1"').replace(
        "udp:198.51.100.9:5060", "udp:[2001:db8::9]:5060"
    )
    result = scene.reload(text)
    assert result.errors == (
        f"{scene.file}: core.next_hops[1]: no address of its family is in core.addresses "
        "without a restart",
    )
    assert scene.server.told == []


def test_the_environment_wins_as_at_the_start(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PCSCF_GUARD__SOURCE_RATE", "9")
    assert scene.reload(MINIMAL + "[guard]\nsource_rate = 5\n").applied == ("guard.source_rate",)
    assert scene.server.told[0][1].guard.source_rate == 9


def test_only_algorithms_of_this_kernel_are_offered(scene: Scene) -> None:
    lacking, known = Suite("null", "aes-gcm"), Suite("aes-gmac", "null")
    scene.lacks.add(lacking)
    text = MINIMAL + f'[security]\nalgorithms = ["{lacking.name}", "{known.name}"]\n'
    assert scene.reload(text).applied == ("security.algorithms",)
    assert scene.server.told[0][1].suites == (known,)
    result = scene.reload(MINIMAL + f'[security]\nalgorithms = ["{lacking.name}"]\n')
    assert result.errors == ("no ESP in this kernel: modprobe esp4",)
    assert len(scene.server.told) == 1


def test_the_log_level_changes_at_once(
    scene: Scene, written: Callable[[], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert scene.reload(MINIMAL + '[log]\nlevel = "error"\nformat = "json"\n').applied == (
        "log.level",
        "log.format",
    )
    structlog.get_logger().warning("not this")
    structlog.get_logger().error("but this")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == [
        "but this"
    ]


def test_a_level_that_was_set_meanwhile_stays_unless_the_file_says_another(
    scene: Scene, written: Callable[[], list[dict[str, Any]]]
) -> None:
    structlog.get_logger().debug("not told")
    stream = io.StringIO()
    log.configure("debug", "json", stream)
    scene.reload(MINIMAL + "[guard]\nsource_rate = 5\n")
    structlog.get_logger().debug("told")
    assert "told" in stream.getvalue()


def test_hooks_are_read_anew_each_time(scene: Scene, tmp_path: Path) -> None:
    rules = tmp_path / "rules.py"
    rules.write_text("def before_core(request): pass\n")
    text = MINIMAL + f'[hooks]\nfile = "{rules}"\n'
    assert scene.reload(text).applied == ("hooks.file",)
    assert scene.reload(text) == ReloadResult()
    assert scene.hooks.put == [(HookPolicy(str(rules)), "rules.py")] * 2
    scene.reload(MINIMAL)
    assert scene.hooks.put[-1] == (HookPolicy(), "")


def test_a_fault_in_hooks_changes_nothing_at_all(scene: Scene, tmp_path: Path) -> None:
    rules = tmp_path / "rules.py"
    rules.write_text("\ndef before_core(): pass\n")
    text = MINIMAL + f'[guard]\nsource_rate = 5\n[hooks]\nfile = "{rules}"\n'
    (reason,) = scene.reload(text).errors
    assert reason.startswith(f"{rules}:2: ")
    assert scene.server.told == []
    assert scene.hooks.put == []


def test_the_stores_keys_are_read_anew(scene: Scene, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    old = Sealer([add_key(str(keys), NOW)])
    scene.write(f'{MINIMAL}[store]\nkind = "sqlite"\nkey_file = "{keys}"\n')
    reloader = scene.running(scene.recorder)
    new = Sealer([add_key(str(keys), NOW)])
    assert reloader.reload() == ReloadResult()
    (sealer,) = scene.recorder.sealers
    assert sealer.open("sa:1", old.seal("sa:1", b"secret")) == b"secret"
    assert new.open("sa:1", sealer.seal("sa:1", b"secret")) == b"secret"
    keys.chmod(0o644)
    (error,) = reloader.reload().errors
    assert error.startswith(f"store.key_file: {keys}: ")
    assert (len(scene.recorder.sealers), len(scene.server.told)) == (1, 1)


def test_without_a_store_no_keys_are_looked_for(scene: Scene) -> None:
    assert scene.reload(f'{MINIMAL}[store]\nkey_file = "/nowhere"\n') == ReloadResult(
        ("store.key_file",)
    )
