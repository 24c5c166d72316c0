"""Fixtures of the tests that run real ESP between namespaces."""

from collections.abc import Iterator

import pytest

from tests.netns.lab import Lab, open_lab
from tests.netns.pcscf_process import config, running
from tests.netns.site import LINGER, PHONES, SLACK, Site, core_in
from tests.peers.wire import Pump


@pytest.fixture
def pump() -> Iterator[Pump]:
    """One thread for all peers of a test."""
    made = Pump()
    yield made
    made.close()


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab with one phone."""
    with open_lab() as made:
        yield made


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """Sections of the P-CSCF's configuration; a module overrides it to have others."""
    return {"security": f"sa_linger = {LINGER}\nsa_slack = {SLACK}"}


@pytest.fixture(scope="module")
def shared_site(
    sections: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A lab, a P-CSCF and a core for a whole module; ``site`` is what tests use."""
    with open_lab(PHONES) as lab:
        directory = tmp_path_factory.mktemp("pcscf")
        with running(lab, directory, config(lab, next_hops=(), **sections)) as process:
            core = core_in(lab)
            yield Site(lab, process, core)
            core.close()


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The module's site. At the end every phone must have seen nothing that breaks a rule of Gm."""
    yield shared_site
    shared_site.forget()
    for phone in shared_site.close_phones():
        phone.assert_clean()
    assert shared_site.pcscf.process.poll() is None, shared_site.pcscf.log
