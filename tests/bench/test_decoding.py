"""The comparison in small, with both decoders."""

from pathlib import Path

import pytest

from pcscf.decode import Decoder, open_capture
from pcscf.decode.keys.key_files import load_keys
from tests.bench import decoding
from tests.bench.decoding import OURS, SUITES, THEIRS, WHOLE, DecodeFigures, DisagreementError
from tests.bench.load import SIZE

PACKETS, DEMO = 400, 138


@pytest.mark.parametrize("suite", SUITES)
def test_all_of_the_capture_is_decoded_and_the_messages_differ(tmp_path: Path, suite: str) -> None:
    capture = tmp_path / "messages.pcap"
    count = decoding.write_capture(capture, tmp_path / "esp_sa", suite, PACKETS)
    decoder = Decoder()
    with open_capture(str(capture)) as frames:
        found = [message for frame in frames for message in decoder.feed(frame)]
    summary = decoder.summary()
    assert (summary.frames, summary.unread, len(found)) == (PACKETS, 0, count)
    assert not summary.faults
    added = found[-(PACKETS - DEMO) :]
    assert {one.sa.suite.name for one in added if one.sa and one.sa.suite} == {suite}
    assert {len(one.data) for one in added} == {SIZE}
    assert len({one.data for one in added}) == len(added)
    assert {one.data.split(b" ")[0] for one in added} == {b"MESSAGE", b"SIP/2.0"}
    assert len(load_keys(str(tmp_path / "esp_sa")).sas) == len(list(decoder.sas))


def test_all_decoders_take_turns_and_find_the_same() -> None:
    figures = decoding.measure(SUITES[0], PACKETS, rounds=2)
    assert figures.cost.keys() == {OURS, THEIRS, WHOLE}
    assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in figures.cost.values())


def test_a_decoder_that_finds_less_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tshark does without any SAs."""
    monkeypatch.setattr(decoding, "_write_sas", lambda path, decoder: path.write_text(""))
    with pytest.raises(DisagreementError, match=rf"^{THEIRS}: \d+ of \d+ messages$"):
        decoding.measure(SUITES[0], PACKETS, rounds=1)


def test_a_decoder_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(DisagreementError, match="tshark: exit status 2"):
        decoding.tshark(tmp_path / "none.pcap", tmp_path, fields=["frame.number"])


def test_ratios_are_of_rounds_side_by_side() -> None:
    figures = DecodeFigures({OURS: [10, 20, 10], THEIRS: [40, 60, 50], WHOLE: [70, 140, 70]})
    assert figures.spread() == (3, 4, 5)
    assert figures.spread(WHOLE) == (7, 7, 7)
    assert figures.best(THEIRS) == 40
