"""What is read off the facts of a phone."""

from pcscf.diagnosis.facts import Level, Phone
from pcscf.diagnosis.journal import PhoneKey, PhoneRecord


def test_the_worst_level_comes_first() -> None:
    assert sorted(Level) == [Level.BAD, Level.NOTE, Level.OK]


def test_a_phone_of_which_nothing_is_known() -> None:
    phone = Phone(PhoneKey("192.0.2.10", ""), None, None, (), ())
    assert not phone.is_registered
    assert phone.good_since == 0
    assert phone._replace(record=PhoneRecord(phone.key)).good_since == 0
