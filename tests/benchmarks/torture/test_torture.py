"""One table of all torture; what is lost or fails makes it end with 1."""

import pytest

from benchmarks.torture import __main__ as torture
from benchmarks.torture.outcome import Outcome, table


def test_a_row_has_all_its_counts():
    head, _, row = table([Outcome("fit killed", 1200, "3 resumed", 0, 1.4)], True).split("\n")
    assert row == "| fit killed | 1,200 | 3 resumed | 0 | 1 |" and head.count("|") == 6


@pytest.mark.parametrize("lost", [0, 2])
def test_a_loss_ends_it_with_1(lost, monkeypatch, capsys):
    monkeypatch.setattr(torture, "kill_predict", lambda n: Outcome("predict", n, "", lost, 0))
    options = ["--kills", "0", "--write_kills", "0", "--fuzz_seconds", "0", "--predict_kills", "7"]
    assert torture.main(options) == (lost > 0)
    assert f"| predict | 7 |  | {lost} | 0 |" in capsys.readouterr().out


def test_what_fails_by_itself_is_a_row_and_the_table_goes_on(monkeypatch, capsys):
    def fail(kills):
        raise RuntimeError("predict ended with 1: no such bundle")

    monkeypatch.setattr(torture, "kill_predict", fail)
    options = ["--kills", "0", "--write_kills", "0", "--fuzz_seconds", "0", "--predict_kills", "7"]
    assert torture.main(options) == 1
    said = capsys.readouterr()
    assert "| fail 7 | 0 | failed by itself | 1 | 0 |" in said.out
    assert said.err == "fail 7: predict ended with 1: no such bundle\n"
