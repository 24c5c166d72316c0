"""A finding on one line."""

from pcscf.net.checks.finding import Level, error, ok, warning


def test_a_finding_says_what_mends_it() -> None:
    assert str(error("ports", "5060 is taken", "kill 7")) == "5060 is taken (mended by: kill 7)"
    assert str(ok("ports", "free")) == "free"


def test_levels() -> None:
    levels = [make("a", "b").level for make in (ok, warning, error)]
    assert levels == [Level.OK, Level.WARNING, Level.ERROR]
