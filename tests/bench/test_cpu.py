"""CPU of other processes."""

import os
import time

from tests.bench.cpu import spent


def test_it_grows_with_work_and_not_with_time() -> None:
    before = spent([os.getpid()])
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    worked = spent([os.getpid()]) - before
    assert 0.03 < worked < 1
