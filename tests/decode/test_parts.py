import io

import pytest

from pcscf.decode import parts
from pcscf.decode.decoder import Keys
from pcscf.errors import PcscfError


def test_what_is_not_built_yet_says_so() -> None:
    for build in (
        lambda: parts.new_decoder(Keys()),
        lambda: parts.open_live("lo"),
        lambda: parts.new_writer(io.BytesIO()),
    ):
        with pytest.raises(PcscfError, match="not built yet"):
            build()
