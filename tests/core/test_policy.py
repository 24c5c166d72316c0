from pcscf.core.policy import CORE_TIMERS, GM_TIMERS


def test_timers_are_those_of_the_specifications() -> None:
    """RFC 3261 17.1.1.1 towards the core, TS 24.229 7.7 towards phones."""
    assert (CORE_TIMERS.t1, CORE_TIMERS.t2, CORE_TIMERS.t4) == (0.5, 4, 5)
    assert (GM_TIMERS.t1, GM_TIMERS.t2, GM_TIMERS.t4) == (2, 16, 17)
    assert (CORE_TIMERS.transaction, GM_TIMERS.transaction) == (32, 128)
