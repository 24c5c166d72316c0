from collections import Counter

from pcscf.decode.model import Fault, Sa
from pcscf.decode.output.summary import Summary, add_faults


def test_what_was_opened_counts_as_read_even_if_it_is_doubtful() -> None:
    faults = Counter({Fault.SELECTOR: 1, Fault.REPLAYED: 2, Fault.BAD_ICV: 3, Fault.CUT: 1})
    summary = Summary(esp=10, faults=faults)
    assert (summary.read, summary.unread) == (6, 4)


def test_faults_of_sas_add_up() -> None:
    first, second = Sa(1, "a", "b"), Sa(2, "a", "b")
    first.faults[Fault.CUT] = 2
    second.faults.update({Fault.CUT: 1, Fault.BAD_ICV: 1})
    assert add_faults([first, second]) == {Fault.CUT: 3, Fault.BAD_ICV: 1}
