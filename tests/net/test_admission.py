"""Counting connections, in all and by source."""

from pcscf.net.admission import Admission


def test_the_total_is_bounded():
    admission = Admission(total=2, per_source=9)
    assert [admission.admit(f"192.0.2.{n}") for n in range(3)] == [True, True, False]
    assert admission.refused == 1


def test_one_source_cannot_take_all():
    admission = Admission(total=9, per_source=2)
    assert [admission.admit("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert admission.admit("192.0.2.2")


def test_what_was_released_can_be_taken_again():
    admission = Admission(total=1, per_source=1)
    for _ in range(3):
        assert admission.admit("192.0.2.1")
        assert not admission.admit("192.0.2.1")
        admission.release("192.0.2.1")
    assert admission.admit("192.0.2.2")


def test_an_ipv6_phone_is_its_prefix():
    admission = Admission(total=9, per_source=1)
    assert [admission.admit(f"2001:db8::{n}") for n in (1, 2)] == [True, False]
    assert admission.admit("2001:db8:0:1::1")


def test_a_source_that_left_takes_no_memory():
    admission = Admission(total=9, per_source=9)
    admission.admit("192.0.2.1")
    admission.admit("192.0.2.1")
    admission.release("192.0.2.1")
    admission.release("192.0.2.1")
    assert admission._sources == {}


def test_other_bounds_are_for_those_who_come():
    admission = Admission(total=9, per_source=9)
    assert [admission.admit("192.0.2.1") for _ in range(3)] == [True] * 3
    admission.change(total=9, per_source=2)
    assert not admission.admit("192.0.2.1")
    admission.release("192.0.2.1")
    admission.release("192.0.2.1")
    assert admission.admit("192.0.2.1")
    admission.change(total=2, per_source=9)
    assert not admission.admit("192.0.2.2")
