import pytest

from tests.xfrm.fake_netlink import FakeNetlink


@pytest.fixture
def netlink(monkeypatch):
    """The other end of every XFRM socket that the test opens."""
    fake = FakeNetlink()
    monkeypatch.setattr("xfrm.netlink.open_socket", lambda: fake)
    return fake
