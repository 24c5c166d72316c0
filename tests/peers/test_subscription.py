"""The subscribers' file."""

from dataclasses import replace

from tests.peers.subscription import load, save, subscriber


def test_file_round_trip(tmp_path):
    cards = [subscriber(1), replace(subscriber(2), barred=frozenset({subscriber(2).impus[1]}))]
    save(tmp_path / "cards.json", cards)
    assert load(tmp_path / "cards.json") == cards


def test_subscribers_differ_and_hide_their_keys():
    one, two = subscriber(1), subscriber(2)
    assert one.k != two.k
    assert not set(one.impus) & set(two.impus)
    assert repr(one.k) not in repr(one)
    assert one.domain_uri == "sip:ims.mnc001.mcc001.3gppnetwork.org"
