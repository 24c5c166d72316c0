from dataclasses import fields

from pcscf.sip.limits import DEFAULT


def test_the_defaults_fit_together() -> None:
    assert all(getattr(DEFAULT, field.name) > 0 for field in fields(DEFAULT))
    assert DEFAULT.max_line < DEFAULT.max_head < DEFAULT.max_message
    assert DEFAULT.max_body < DEFAULT.max_message <= 65535
