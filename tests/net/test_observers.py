"""The protocols of those who look on; what the server tells them is in ``test_server``."""

import inspect

from pcscf.net import observers


def test_they_see_no_keys():
    for kind in (observers.Tap, observers.Journal):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_"):
                assert not [p for p in inspect.signature(method).parameters if "key" in p]
