"""Test vectors, as data files."""

import json
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def load(name: str) -> Any:
    """Read one of the JSON files of this folder."""
    return json.loads((_HERE / f"{name}.json").read_text())
