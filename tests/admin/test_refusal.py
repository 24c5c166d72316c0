from pcscf.admin.refusal import Refusal


def test_a_refusal_is_its_reason() -> None:
    refusal = Refusal(401, "a token is needed", [("WWW-Authenticate", "Bearer")])
    assert str(refusal) == refusal.reason == "a token is needed"
    assert (refusal.status, refusal.headers) == (401, (("WWW-Authenticate", "Bearer"),))
