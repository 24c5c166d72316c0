"""Containers of our images, run by crun within a lab."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.docker.bundle import bundle
from tests.docker.images import Image
from tests.netns.namespace import NETNS_DIR, Namespace, wait_until

PATIENCE = 60.0  # seconds; a loaded guest with one CPU is slow
_CRUN = ("crun", "--cgroup-manager=disabled")


class Container:
    """One container, in a namespace of the lab. What it says goes to a file."""

    def __init__(
        self,
        *,
        image: Image,
        root: Path,
        service: Mapping[str, Any],
        namespace: Namespace,
        directory: Path,
        secrets: Mapping[str, Path],
    ) -> None:
        self._name = f"{namespace.name}-{directory.name}"
        self._directory = directory
        config = bundle(image.config, service, root, NETNS_DIR / namespace.name, secrets)
        self._spec = config["process"]
        (directory / "config.json").write_text(json.dumps(config))
        self._said = directory / "said"
        with self._said.open("wb") as file:
            self._process = subprocess.Popen(
                (*_CRUN, "run", "--bundle", str(directory), self._name),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """All it has said so far."""
        return self._said.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        """Wait until it says this; AssertionError with what it said if it ends before."""
        wait_until(lambda: text in self.said or self._has_ended(), f"says {text}", PATIENCE)
        assert text in self.said, self.said

    def wait(self) -> int:
        """Wait for its end, and return its exit status."""
        return self._process.wait(PATIENCE)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as ``docker exec`` does: with the rights that it began with."""
        described = self._directory / "process.json"
        described.write_text(json.dumps({**self._spec, "args": command}))
        return subprocess.run(
            (*_CRUN, "exec", "--process", str(described), self._name),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def stop(self) -> int:
        """Have it end as ``docker stop`` does, and return its exit status."""
        subprocess.run((*_CRUN, "kill", self._name, "TERM"), check=True)
        return self.wait()

    def close(self) -> None:
        """End it if it still runs, and take away what is left of it."""
        subprocess.run((*_CRUN, "delete", "--force", self._name), check=False, capture_output=True)
        self._process.wait(PATIENCE)

    def _has_ended(self) -> bool:
        return self._process.poll() is not None
