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


def test_a_predict_that_cannot_go_on_is_a_loss_and_the_next_begins(monkeypatch, capsys):
    """Each run but those of an unbroken one is killed and leaves a journal that is refused."""

    def run(folder, output, limit):
        partial = output.with_name(f"{output.name}.partial")
        if partial.exists():
            raise RuntimeError("predict ended with 1: not the partial output")
        if output.name == "whole.jsonl" or limit == predict_kills.TIMEOUT_S:
            output.write_text("")
            return True
        partial.write_text("{}\n{}\n")
        return False

    monkeypatch.setattr(predict_kills, "run", run)
    outcome = kill_predict(kills=2)
    assert (outcome.times, outcome.lost) == (2, 2)
    assert outcome.of_these == "2 found records to go on from; 1 outputs compared"
    assert capsys.readouterr().err.count("predict ended with 1: not the partial output") == 2


def test_a_predict_that_fails_anew_is_the_last(monkeypatch):
    def run(folder, output, limit):
        if output.name != "whole.jsonl":
            raise RuntimeError("predict ended with 1")
        return True

    monkeypatch.setattr(predict_kills, "run", run)
    assert kill_predict(kills=2).lost == 1
