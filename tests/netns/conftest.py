"""Fixtures of the tests that run real ESP between namespaces."""

from collections.abc import Iterator

import pytest

from tests.netns.decoding import Overheard, overhearing
from tests.netns.lab import Lab, open_lab
from tests.netns.pcscf_process import PcscfProcess, config, running
from tests.netns.site import LINGER, PHONES, SLACK, Site, open_site


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
def pcscf(
    sections: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PcscfProcess]:
    """A P-CSCF in a lab of its own, for a whole module."""
    with open_lab(PHONES) as lab:
        text = config(lab, next_hops=(), **sections)
        with running(lab, tmp_path_factory.mktemp("pcscf"), text) as process:
            yield process


@pytest.fixture(scope="module")
def shared_site(pcscf: PcscfProcess) -> Iterator[Site]:
    """The core and the phones on either side of it; ``site`` is what tests use."""
    with open_site(pcscf.lab) as made:
        yield made


@pytest.fixture
def overheard(shared_site: Site) -> Iterator[Overheard]:
    """Hold what the decoder makes of all that a test says against what its phones noted.

    Ask for it in front of phones that register, as modules do by ``usefixtures``.
    """
    with overhearing(shared_site) as heard:
        yield heard
    heard.assert_all_read()


@pytest.fixture
def site(shared_site: Site, pcscf: PcscfProcess) -> Iterator[Site]:
    """The module's site. At the end every phone must have seen nothing that breaks a rule of Gm."""
    yield shared_site
    shared_site.forget()
    for phone in shared_site.close_phones():
        phone.assert_clean()
    assert pcscf.process.poll() is None, pcscf.log
