"""What tests of stores have in common: a Valkey server, the log, and changes to write."""

from collections.abc import Iterator

import pytest

from tests.store.valkey_process import ValkeyProcess


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    """A server for all tests of a module, which leave it running."""
    with ValkeyProcess(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def server(shared_server: ValkeyProcess) -> ValkeyProcess:
    """An empty server."""
    shared_server.command("FLUSHALL")
    return shared_server


@pytest.fixture
def own_server(tmp_path) -> Iterator[ValkeyProcess]:
    """A server that a test may kill."""
    with ValkeyProcess(tmp_path / "valkey") as server:
        yield server
