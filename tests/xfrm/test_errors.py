from xfrm.errors import (
    EspError,
    EspIntegrityError,
    KernelRefusal,
    MonitorOverrunError,
    XfrmError,
)


def test_the_tree():
    assert issubclass(EspIntegrityError, EspError)
    for error in (EspError, KernelRefusal, MonitorOverrunError):
        assert error.__bases__ == (XfrmError,)


def test_a_refusal_reads_as_one_line():
    assert (
        str(KernelRefusal("install", 1, "EPERM: no", "be root")) == "install: EPERM: no (be root)"
    )
    assert str(KernelRefusal("install", 1, "EPERM: no")) == "install: EPERM: no"
