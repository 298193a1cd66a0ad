"""How often transcripts are repeated among running texts."""

from types import SimpleNamespace

import pytest

from pipeline.fitting.language_learning import default_repeat, learn_model


@pytest.mark.parametrize(
    ("transcripts", "prose", "times"),
    [(1000, 0, 1), (1000, 7999, 1), (1000, 8000, 2), (1000, 10**7, 20), (0, 50, 12), (0, 0, 1)],
)
def test_transcripts_are_repeated_among_much_prose_only(transcripts, prose, times):
    assert default_repeat(transcripts, prose) == times


@pytest.mark.parametrize(("given", "times"), [(None, 1), (7, 7)])
def test_a_repeat_that_is_given_stands(given, times, capsys):
    options = SimpleNamespace(prose=1.0, repeat=given, order=2, megabytes=1.0)
    learn_model(list("ab "), ["ab ba ab"], ["abba"], options)
    assert f"transcripts {times} times" in capsys.readouterr().out
