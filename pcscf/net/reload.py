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
from pcscf.errors import ConfigError, StartError
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


class Reloader:
    """Holds what the server runs with against the file, whenever it is asked to.

    ``usable`` leaves those suites that the kernel has; it raises StartError if it has none.
    """

    def __init__(
        self,
        file: Path,
        settings: Settings,
        server: Adopter,
        usable: Callable[[Iterable[Suite]], tuple[Suite, ...]],
    ) -> None:
        self._file = file
        self._running = settings
        self._server = server
        self._usable = usable

    def reload(self) -> ReloadResult:
        """Read the file and the environment; what is wrong with them changes nothing at all."""
        try:
            found = changes(self._running, config.load(self._file))
            suites = self._checked(found)
        except (ConfigError, StartError) as error:
            result = ReloadResult(errors=tuple(str(error).splitlines()))
        else:
            self._adopt(found, suites)
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
