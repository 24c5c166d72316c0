from structlog.testing import capture_logs

from pcscf.hooks.complaints import Complaints


def test_a_place_is_told_once_a_minute_with_how_often_it_was_not() -> None:
    now = 0.0
    complaints = Complaints(lambda: now)
    with capture_logs() as lines:
        for second in range(130):
            now = float(second)
            complaints.tell("hook_failed", "rules.py:3", reason="x")
    assert [line.get("before") for line in lines] == [None, 59, 59]
    assert lines[0] == {
        "event": "hook_failed", "log_level": "warning", "place": "rules.py:3", "reason": "x",
    }  # fmt: skip


def test_each_place_and_event_is_told_by_itself() -> None:
    complaints = Complaints(lambda: 0.0)
    with capture_logs() as lines:
        for place in ("rules.py:3", "rules.py:4", "rules.py:3"):
            complaints.tell("hook_failed", place)
            complaints.tell("hook_slow", place)
    assert len(lines) == 4


def test_what_is_remembered_is_bounded() -> None:
    complaints = Complaints(lambda: 0.0)
    with capture_logs():
        for number in range(1000):
            complaints.tell("hook_failed", f"rules.py:{number}")
            complaints.tell("hook_failed", f"rules.py:{number}")
    assert len(complaints._told) <= 256
    assert len(complaints._untold) <= 256
