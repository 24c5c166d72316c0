from pcscf.hooks.places import describe, line_of


class Nasty(Exception):  # noqa: N818 - an operator may call it as he likes
    def __str__(self) -> str:
        raise RuntimeError


def fails() -> BaseException:
    nothing: dict[str, BaseException] = {}
    try:
        return nothing["x"]
    except KeyError as error:
        return error


def test_an_error_is_one_short_line() -> None:
    assert describe(KeyError("x")) == "KeyError: 'x'"
    assert describe(ValueError()) == "ValueError"
    assert describe(ValueError("a\nb\r\n c")) == "ValueError: a b c"
    assert len(describe(ValueError("x" * 10_000))) < 250


def test_an_error_that_cannot_be_printed_is_named() -> None:
    assert describe(Nasty()) == "Nasty"


def test_the_innermost_line_of_a_file_is_found() -> None:
    code = fails.__code__
    assert line_of(fails(), code.co_filename) == code.co_firstlineno + 3
    assert line_of(fails(), "elsewhere.py") is None
    assert line_of(KeyError(), code.co_filename) is None
