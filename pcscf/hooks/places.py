"""Where in a hook file something went wrong, and what, on one line."""

from traceback import walk_tb

_LONGEST = 200


def describe(error: BaseException) -> str:
    """Give an exception's type and text. A function sees no keys, so its text has none."""
    kind = type(error).__name__
    try:
        text = " ".join(str(error).split())[:_LONGEST]
    except Exception:  # noqa: BLE001 - a class of the file's own may fail here too
        text = ""
    return f"{kind}: {text}" if text else kind


def line_of(error: BaseException, file: str) -> int | None:
    """Give the line of a file in which an exception came up; None if it did not pass there."""
    steps = walk_tb(error.__traceback__)
    lines = [line for frame, line in steps if frame.f_code.co_filename == file]
    return lines[-1] if lines else None
