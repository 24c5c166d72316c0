"""What ends a soak early."""


class Violation(Exception):  # noqa: N818 - it is no error of the soak
    """Something is not as it should be. The text says where, what, and what went before."""
