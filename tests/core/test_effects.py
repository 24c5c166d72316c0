from pcscf.core.effects import InstallSas
from tests.core.phone import Phone
from tests.core.stage import CK, IK, Stage
from xfrm.model import AkaKeys


def test_an_install_prints_without_its_keys() -> None:
    stage = Stage()
    phone = Phone(stage)
    phone.challenged()
    keys = AkaKeys(bytes.fromhex(CK), bytes.fromhex(IK))
    text = repr(InstallSas(phone.set_in_kernel(), keys, 300))
    assert "lifetime=300" in text
    for key in (keys.ck, keys.ik):
        assert repr(key) not in text
        assert key.hex() not in text
