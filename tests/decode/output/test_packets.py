from pcscf.decode.output.output import Output
from pcscf.decode.output.packets import Packets
from pcscf.decode.output.summary import Summary
from tests.decode.samples import MESSAGE, an_sa, seen


def test_it_takes_part_in_a_run() -> None:
    out: Output = Packets()
    out.begin()
    out.message(seen(MESSAGE))
    out.sa(an_sa(), "")
    out.end(Summary())
