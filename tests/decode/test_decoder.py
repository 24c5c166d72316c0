from pcscf.decode.decoder import Decoder, Keys
from tests.decode.fake_decoder import FakeDecoder
from tests.decode.samples import CK


def test_the_tests_have_a_decoder_of_this_kind() -> None:
    decoder: Decoder = FakeDecoder()
    assert list(decoder.finish()) == []


def test_keys_are_not_printed() -> None:
    key = bytes.fromhex(CK)
    assert repr(key) not in repr(Keys(ck=key, ik=key))
