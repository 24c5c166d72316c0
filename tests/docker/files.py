"""The files of ``docker/`` that say how containers are run."""

from pathlib import Path
from typing import Any

import yaml

from tests.docker import DOCKER


def services(name: str) -> dict[str, dict[str, Any]]:
    """Return the services of a compose file."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((DOCKER / name).read_text())["services"]
    return found


def manifests() -> list[dict[str, Any]]:
    """Return the Kubernetes objects."""
    return [
        one
        for path in sorted((DOCKER / "kubernetes").glob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text())
    ]


def write_settings(directory: Path, text: str) -> Path:
    """Write a settings file."""
    path = directory / "pcscf.toml"
    path.write_text(text)
    return path
