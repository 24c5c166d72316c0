"""Times, numbers and SPIs in sentences."""

import pytest

from pcscf.diagnosis.words import clock, iso, many, span, spi

MIDNIGHT = 1_795_651_200.0  # 2026-11-26 00:00:00 UTC


def test_iso_has_milliseconds_and_utc() -> None:
    assert iso(MIDNIGHT + 0.0451) == "2026-11-26T00:00:00.045Z"


def test_clock_has_the_date_where_the_day_is_not_plain() -> None:
    assert clock(MIDNIGHT - 1, MIDNIGHT) == "23:59:59"
    assert clock(MIDNIGHT - 50_000, MIDNIGHT) == "2026-11-25 10:06:40"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (1e6, "278 h"),
    ],
)
def test_span(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_spi_has_eight_digits() -> None:
    assert spi(0xABC) == "0x00000abc"


def test_many() -> None:
    assert [many(count, "packet") for count in (0, 1, 2)] == ["0 packets", "1 packet", "2 packets"]
