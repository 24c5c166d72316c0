from pcscf.core.hooks import Point
from pcscf.hooks.measures import BUCKETS, FunctionMeasures, HookMeasures


def test_calls_are_counted_by_how_long_they_took() -> None:
    one = FunctionMeasures()
    for seconds in (0.0, BUCKETS[0], 0.004, 99.0):
        one.observe(seconds)
    assert one.seconds[0] == 2
    assert one.seconds[BUCKETS.index(0.005)] == 1
    assert one.seconds[-1] == 1
    assert sum(one.seconds) == 4
    assert one.total == sum((BUCKETS[0], 0.004, 99.0))


def test_functions_are_told_apart_by_point_and_name() -> None:
    measures = HookMeasures()
    assert measures.of(Point.CORE, "f") is measures.of(Point.CORE, "f")
    assert measures.of(Point.CORE, "f") is not measures.of(Point.PHONE, "f")


def test_the_number_of_functions_is_bounded() -> None:
    measures = HookMeasures()
    for number in range(1000):
        measures.of(Point.CORE, f"before_core_{number}").calls += 1
    assert len(measures.functions) == 256
