"""Fixtures of the tests that run real ESP between namespaces."""

from collections.abc import Iterator

import pytest

from tests.netns.lab import Lab, open_lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab with one phone."""
    with open_lab() as made:
        yield made
