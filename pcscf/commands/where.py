"""Which socket is asked: as told, or as the P-CSCF is told itself."""

import os
import tomllib
from pathlib import Path
from typing import Final

from pcscf.commands.errors import UNREACHABLE, CommandError

DEFAULT: Final = "/run/pcscf/admin.sock"  # as pcscf.config_sections has it
VARIABLE: Final = "PCSCF_ADMIN__SOCKET"


def socket_path(socket: str | None, config: Path | None) -> str:
    """Find the path: --socket, the environment, the settings file, the default."""
    given = socket or os.environ.get(VARIABLE)
    if given:
        return given
    return DEFAULT if config is None else _configured(config)


def _configured(config: Path) -> str:
    try:
        with config.open("rb") as file:
            admin = tomllib.load(file).get("admin", {})
    except OSError as error:
        raise CommandError(f"{config}: cannot be read: {error.strerror}", UNREACHABLE) from None
    except ValueError as error:
        raise CommandError(f"{config}: not TOML: {error}", UNREACHABLE) from None
    path = admin.get("socket", DEFAULT) if isinstance(admin, dict) else DEFAULT
    if not path:
        raise CommandError(f"{config}: admin.socket is empty: there is none", UNREACHABLE)
    return str(path)
