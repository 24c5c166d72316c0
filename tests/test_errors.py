from pcscf.errors import (
    CaptureError,
    ConfigError,
    KeyFileError,
    LeaseLostError,
    ParseError,
    PcscfError,
    SealError,
    SipError,
    StartError,
    StoreError,
    StoreLostError,
)


def test_every_error_is_one_of_ours_and_one_readable_line() -> None:
    for error in (
        SipError(403, "Forbidden"),
        ParseError(400, "Bad Via"),
        ConfigError("x"),
        StartError("y"),
        CaptureError("z"),
        KeyFileError("z"),
        StoreError("s"),
        StoreLostError("s"),
        LeaseLostError("s"),
        SealError("s"),
    ):
        assert isinstance(error, PcscfError)
        assert str(error).count("\n") == 0


def test_a_sip_error_says_what_to_answer() -> None:
    error = SipError(494, "Security Agreement Required")
    assert (error.status, error.reason) == (494, "Security Agreement Required")
    assert str(error) == "494 Security Agreement Required"
    assert error.headers == ()


def test_a_sip_error_may_bring_headers_for_the_answer() -> None:
    error = SipError(503, "Service Unavailable", (("retry-after", "5"),))
    assert error.headers == (("retry-after", "5"),)
    assert str(error) == "503 Service Unavailable"


def test_a_parse_error_keeps_the_head_out_of_its_text() -> None:
    error = ParseError(400, "Bad Via", head=b"REGISTER sip:a SIP/2.0\r\nAuthorization: secret")
    assert error.head.startswith(b"REGISTER")
    assert "secret" not in str(error)
    assert "secret" not in repr(error)
