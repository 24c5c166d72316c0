"""A scene and a phone for the tests of sentences."""

from pathlib import Path

import pytest

from tests.core.phone import Phone
from tests.diagnosis.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def phone(scene: Scene) -> Phone:
    return Phone(scene)
