"""What tests of stores have in common: a Valkey server, the log, and changes to write."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from pcscf import log
from tests.store.valkey_process import ValkeyProcess


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    """A server for all tests of a module, which leave it running."""
    server = ValkeyProcess(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(shared_server: ValkeyProcess) -> ValkeyProcess:
    """An empty server."""
    shared_server.command("FLUSHALL")
    return shared_server


@pytest.fixture
def own_server(tmp_path) -> Iterator[ValkeyProcess]:
    """A server that a test may kill."""
    (tmp_path / "valkey").mkdir()
    server = ValkeyProcess(tmp_path / "valkey")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The events of the log so far."""
    stream = io.StringIO()
    log.configure("debug", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
