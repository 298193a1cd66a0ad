"""The kill test of predict, on a small table of texts."""

import pytest

from benchmarks.torture import predict_kills
from benchmarks.torture.predict_kills import kill_predict


@pytest.mark.slow
def test_nothing_is_lost_over_two_kills(monkeypatch):
    monkeypatch.setattr(predict_kills, "INPUTS", 2_000)
    outcome = kill_predict(kills=2)
    assert outcome.times == 2 and outcome.lost == 0
    assert not outcome.of_these.endswith("; 0 outputs compared")


@pytest.mark.slow
def test_a_predict_that_fails_by_itself_is_no_kill(tmp_path):
    with pytest.raises(RuntimeError, match=r"predict ended with 1: "):
        predict_kills.run(tmp_path, tmp_path / "o", 60)  # there are no texts
