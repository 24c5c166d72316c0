"""Capabilities as /proc shows them, and the limit of open files."""

import resource
from pathlib import Path

import pytest

from pcscf.net.checks import rights
from pcscf.net.checks.finding import Level


@pytest.mark.parametrize(
    ("bits", "level"),
    [
        ("0000000000001000", Level.OK),
        ("000001ffffffffff", Level.OK),
        ("0000000000000000", Level.ERROR),
        ("ffffffffffffefff", Level.ERROR),
    ],
)
def test_net_admin_has_to_be_permitted(tmp_path: Path, bits: str, level: Level) -> None:
    """Effective it becomes by itself."""
    status = tmp_path / "status"
    others = "CapInh:\t0\nCapEff:\t0\nCapBnd:\t0\n"
    status.write_text(f"Name:\tpcscf\nGroups:\t\nCapPrm:\t{bits}\n{others}")
    (finding,) = rights.capabilities(status)
    assert finding.level is level
    assert ("--cap-add NET_ADMIN" in finding.mends) == (level is Level.ERROR)


@pytest.mark.parametrize(
    ("bits", "device", "missing"),
    [(0x3000, "eth0", 0), (0x1000, "eth0", 1), (0x1000, "", 0)],
)
def test_who_takes_addresses_over_needs_net_raw(
    tmp_path: Path, bits: int, device: str, missing: int
) -> None:
    status = tmp_path / "status"
    status.write_text(f"CapInh:\t0\nCapEff:\t0\nCapBnd:\t0\nCapPrm:\t{bits:016x}\n")
    found = [one.text for one in rights.takeover(device, status)]
    assert found == ["CAP_NET_RAW is missing: store.takeover_device needs it"] * missing


def test_few_files_are_a_warning_with_the_number_that_is_needed() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    (fine,) = rights.open_files(hard)
    (few,) = rights.open_files(hard + 1)
    assert (fine.level, few.level) == (Level.OK, Level.WARNING)
    assert f"LimitNOFILE={hard + 1}" in few.mends
