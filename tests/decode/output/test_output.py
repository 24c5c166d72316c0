"""Every output does what the interface asks for; mypy checks it at these assignments."""

import io

from pcscf.decode.output.output import Sink


def test_a_binary_file_is_a_sink() -> None:
    file = io.BytesIO()
    sink: Sink = file
    sink.write(b"octets")
    sink.flush()
    assert file.getvalue() == b"octets"
