from tests.bench.watching import MIRRORED, OTHERS, OWN, watching


def test_each_way_to_look_on_has_its_price() -> None:
    spent = watching(count=50, rounds=2)
    assert list(spent) == [OTHERS, OWN, MIRRORED]
    assert all(0 < each < 1000 for each in spent.values())
