import pytest

from pcscf.decode.output.clock import date


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (1_700_000_000_123_456_789, "2023-11-14 22:13:20.123 UTC"),
        (0, "1970-01-01 00:00:00.000 UTC"),
        (2**64 * 10**9, "18446744073709551616 s after 1970"),
        (2**40 * 10**9, "1099511627776 s after 1970"),
    ],
)
def test_a_time_however_far(time: int, text: str) -> None:
    assert date(time) == text
