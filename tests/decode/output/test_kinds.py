import pytest

from pcscf.decode.output.kinds import Kind, kind_of


@pytest.mark.parametrize(
    ("method", "status", "kind"),
    [
        ("REGISTER", None, Kind.REGISTER),
        ("BYE", None, Kind.CALL),
        ("REFER", None, Kind.CALL),
        ("MESSAGE", None, Kind.TEXT),
        ("NOTIFY", None, Kind.EVENT),
        ("OPTIONS", None, Kind.OTHER),
        ("register", None, Kind.OTHER),
        ("REGISTER", 401, Kind.CHALLENGE),
        ("REGISTER", 494, Kind.CHALLENGE),
        ("INVITE", 180, Kind.PROVISIONAL),
        ("INVITE", 200, Kind.SUCCESS),
        ("INVITE", 302, Kind.FAILURE),
        ("", 999, Kind.FAILURE),
    ],
)
def test_kinds(method: str, status: int | None, kind: Kind) -> None:
    assert kind_of(method, status) is kind
