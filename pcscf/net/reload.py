"""Reading the settings anew while running (SIGHUP): all that can change does, or nothing."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog

from pcscf import config
from pcscf import log as logs
from pcscf.config import Settings
from pcscf.config_changes import Changes, changes
from pcscf.core.policy import EdgePolicy
from pcscf.errors import ConfigError, SealError, StartError
from pcscf.hooks.loading import HookFile
from pcscf.hooks.policy import HookPolicy
from pcscf.store.opening import open_sealer
from pcscf.store.sealing import Sealer
from xfrm.algorithms import Suite

log = structlog.get_logger()


class ReloadResult(NamedTuple):
    """Keys that changed, keys that would, and why nothing did, one line each."""

    applied: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


class Adopter(Protocol):
    """What the reloader needs of ``pcscf.net.server.Server``."""

    def adopt(self, settings: Settings, policy: EdgePolicy) -> None:
        """Go by other settings from now on."""


class Hooks(Protocol):
    """What the reloader needs of ``pcscf.hooks.service.HookService``."""

    def read(self, policy: HookPolicy) -> HookFile | None:
        """Read a hook file. Raises ConfigError."""

    def put_soon(self, policy: HookPolicy, file: HookFile | None) -> None:
        """Put it into service."""


class Recorder(Protocol):
    """What the reloader needs of ``pcscf.net.recorder.Recorder``."""

    def seal_with(self, sealer: Sealer) -> None:
        """Seal with other keys from now on."""


class Reloader:
    """Holds what the server runs with against the file, whenever it is asked to.

    ``usable`` leaves those suites that the kernel has; it raises StartError if it has none.
    The hook file and that of the store's keys are read anew each time, as their text may have
    changed. ``recorder`` is for the keys; without a store there is none.
    """

    def __init__(
        self,
        file: Path,
        settings: Settings,
        server: Adopter,
        usable: Callable[[Iterable[Suite]], tuple[Suite, ...]],
        hooks: Hooks,
        *,
        recorder: Recorder | None = None,
    ) -> None:
        self._file = file
        self._running = settings
        self._server = server
        self._usable = usable
        self._hooks = hooks
        self._recorder = recorder

    def reload(self) -> ReloadResult:
        """Read the file and the environment; what is wrong with them changes nothing at all."""
        try:
            found = changes(self._running, config.load(self._file))
            suites = self._checked(found)
            hook_policy = found.settings.hooks.policy()
            hook_file = self._hooks.read(hook_policy)
            sealer = open_sealer(found.settings.store) if self._recorder else None
        except (ConfigError, StartError, SealError) as error:
            result = ReloadResult(errors=tuple(str(error).splitlines()))
        else:
            self._adopt(found, suites)
            self._hooks.put_soon(hook_policy, hook_file)
            if self._recorder and sealer:
                self._recorder.seal_with(sealer)
            result = ReloadResult(found.applied, found.needs_restart)
        _tell(result)
        return result

    def _checked(self, found: Changes) -> tuple[Suite, ...]:
        """Give the suites to offer. Raises ConfigError if new keys do not fit those that stay."""
        problems = config.conflicts(found.settings)
        if problems:
            reasons = (f"{self._file}: {key}: {why} without a restart" for key, why in problems)
            raise ConfigError("\n".join(reasons))
        return self._usable(found.settings.security.algorithms)

    def _adopt(self, found: Changes, suites: tuple[Suite, ...]) -> None:
        settings = found.settings
        if settings.log != self._running.log:  # else a level set meanwhile stays
            logs.configure(settings.log.level, settings.log.format)
        self._running = settings
        self._server.adopt(settings, settings.policy(suites))


def _tell(result: ReloadResult) -> None:
    for reason in result.errors:
        log.error("reload_refused", reason=reason)
    if not result.errors:
        log.info("reloaded", changed=" ".join(result.applied))
    if result.needs_restart:
        log.warning("restart_needed", changed=" ".join(result.needs_restart))
