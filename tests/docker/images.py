"""The images that ``scripts/image`` has made."""

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "PCSCF_IMAGE"


class Image:
    """One image: a root file system as a tar archive, and what is set for its containers."""

    def __init__(self, name: str) -> None:
        made = os.environ.get(VARIABLE)
        if not made:
            pytest.fail(f"run scripts/image DIR, and set {VARIABLE}=DIR", pytrace=False)
        self.archive = Path(made) / f"{name}.tar"
        described = json.loads((Path(made) / f"{name}.json").read_text())
        self.config: dict[str, Any] = described["Docker"]["config"]

    @property
    def environment(self) -> dict[str, str]:
        """Variables that each container has."""
        return dict(line.split("=", 1) for line in self.config["Env"])

    def files(self) -> Iterator[tarfile.TarInfo]:
        """Give what is in the file system; names begin with ``./``."""
        with tarfile.open(self.archive) as opened:
            yield from opened

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        with tarfile.open(self.archive) as opened:
            found = opened.extractfile(f"./{name}")
            assert found is not None
            return found.read()
