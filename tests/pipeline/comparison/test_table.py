"""The table of a comparison against values computed by hand, its files and its plot."""

import csv
import json
import math
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.text import Text

from pipeline.comparison.files import read_external_rows, write_csv, write_json
from pipeline.comparison.plot import COLOURS, plot_comparison, spread
from pipeline.comparison.table import (
    Row,
    VariantResults,
    columns,
    describe_table,
    make_row,
    markdown_table,
)
from pipeline.evaluation.split_scores import SampleScores, average_scores, load_scores
from pipeline.training.history import summarize

GROUPS = ["a", "a", "b", "b"]


def scores(*correct: float, names: str = "wxyz", metric: str = "accuracy") -> SampleScores:
    return SampleScores(metric, list(names), GROUPS, np.array(correct, float), np.ones(4))


def epoch(number: int, seconds: float, accuracy: float, memory: float = 100.0) -> dict:
    return {
        "epoch": number,
        "seconds": seconds,
        "validation": {"accuracy": accuracy, "error": 100 - accuracy},
        "samples_per_second": 10.0 * number,
        "peak_memory_mib": memory + number,
        "parameters": 1234,
    }


def trained(name: str, *seeds: SampleScores, stretch: float = 1.0) -> VariantResults:
    """Each seed has one epoch more than the previous one; all take `stretch` times as long."""
    histories = [
        [epoch(e, stretch * 2 * e, 50 + 10 * e, 100 * (seed + 1)) for e in range(1, 4 + seed)]
        for seed in range(len(seeds))
    ]
    return VariantResults(name, list(seeds), [summarize(h) for h in histories], histories)


FIRST = trained("first", scores(1, 1, 0, 0), scores(1, 0, 0, 0))
SECOND = trained("second", scores(1, 1, 1, 1), scores(1, 1, 1, 0), stretch=5.0)


def test_a_history_is_summarized():
    rows = [epoch(1, 3.0, 60), epoch(2, 5.0, 80), epoch(3, 6.0, 80), epoch(4, 8.0, 70)]
    rows.append(epoch(5, 9.0, 0) | {"validation": {}})
    assert summarize(rows)["best_epoch"] == 2  # the first of two equal ones
    for row in rows:
        row["best"] = row["epoch"] in (1, 3)  # where a loss that is not shown here decided
    summary = summarize(rows)
    assert summary["best_epoch"] == 3
    assert (summary["epochs"], summary["seconds"], summary["parameters"]) == (5, 9.0, 1234)
    assert summary["seconds_per_epoch"] == 2.0  # of 3, 2, 1, 2, 1
    assert (summary["samples_per_second"], summary["peak_memory_mib"]) == (30.0, 105.0)
    assert "gpu_memory_mib" not in summary


def test_a_row_holds_means_over_seeds():
    row = make_row(SECOND, FIRST)
    assert (row.score, row.seeds) == (87.5, 2)
    assert row.deviation == pytest.approx(math.sqrt(2) * 12.5)
    assert row.seconds == 5 * (6 + 8) / 2 and row.seconds_per_epoch == 10
    assert row.best_epoch == 3.5 and row.peak_memory_mib == 204
    # both samples of group a are correct for all seeds, those of b for 1 and 1/2 of them
    assert (row.low, row.high) == (75.0, 100.0)


def test_the_difference_is_paired():
    row = make_row(SECOND, FIRST)
    # sums over a: 2 - 1.5, over b: 1.5 - 0, of 2 samples each: 25 % to 75 %
    assert row.difference == 50.0
    assert (row.difference_low, row.difference_high) == (25.0, 75.0)
    assert math.isnan(make_row(FIRST, FIRST).difference)


def test_no_difference_for_other_samples_or_metrics():
    for other in (scores(1, 1, 1, 1, names="wxyq"), scores(1, 1, 1, 1, metric="cer")):
        assert math.isnan(make_row(trained("other", other), FIRST).difference)


def test_seeds_scored_on_other_samples_are_refused():
    with pytest.raises(ValueError, match="seeds 0 and 1 were scored on different samples"):
        average_scores([scores(1, 1, 1, 1), scores(1, 1, 1, 1, names="wxyq")])


def test_edits_are_summed_before_they_are_divided():
    """CER: 1 of 10 and 6 of 6 characters are 7 of 16, not the mean of the two rates."""
    score = SampleScores("cer", ["x", "y"], ["a", "b"], np.array([1.0, 6]), np.array([10.0, 6]))
    assert score.value == 43.75


def test_scores_survive_the_file(tmp_path):
    scores(1, 0.5, 0, 1).save(tmp_path / "samples.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["samples.npz"]
    loaded = load_scores(tmp_path / "samples.npz")
    assert loaded.same_samples(scores(0, 0, 0, 0)) and loaded.numerators.tolist() == [1, 0.5, 0, 1]
    (tmp_path / "samples.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"samples\.npz: no scores of samples"):
        load_scores(tmp_path / "samples.npz")


def external_file(tmp_path, *entries: object) -> str:
    (tmp_path / "beside.json").write_text(json.dumps(entries), encoding="utf-8")
    return str(tmp_path / "beside.json")


def test_external_scores_are_read(tmp_path):
    counted = {"name": "NB|SVM", "score": 91.2, "low": 90.9, "high": None, "note": "counted"}
    (row,) = read_external_rows(external_file(tmp_path, counted))
    assert (row.name, row.score, row.low, row.note) == ("NB|SVM", 91.2, 90.9, "counted")
    assert math.isnan(row.high) and math.isnan(row.seconds) and math.isnan(row.parameters)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"name": "a", "score": "91", "note": ""}, "entry 1: 'score' is '91'; a float is needed"),
        ({"name": "a", "score": 91.0}, "entry 1: 'note' is None; a str is needed"),
        ({"name": "a", "score": 9, "note": "", "hi": 1}, "entry 1: an object with name, score"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, entry, says):
    path = external_file(tmp_path, {"name": "x", "score": 1, "note": "n"}, entry)
    with pytest.raises(ValueError, match=says):
        read_external_rows(path)


ROWS = [
    make_row(FIRST, FIRST),
    make_row(SECOND, FIRST),
    Row("NB|SVM", "", 91.2, low=90.0, high=92.0, note="counted"),
    Row("paper", "", 91.4, note="published"),
]


def test_markdown_and_csv_have_the_same_cells(tmp_path):
    write_csv(ROWS, tmp_path / "table.csv")
    with open(tmp_path / "table.csv", encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    lines = markdown_table(ROWS, "notes").splitlines()
    assert lines[-2:] == ["", "notes"]
    rows = [line[2:-2].replace("\\|", "\0").split(" | ") for line in lines[:-2]]
    del rows[1]
    assert [[cell.replace("\0", "|").strip() for cell in row] for row in rows] == table
    second = dict(zip(table[0], table[2], strict=True))
    assert second == {
        "model": "second", "accuracy %": "87.50", "± seeds": "17.68",
        "95 % interval": "75.00-100.00", "to the first": "+50.00 (+25.00 to +75.00)",
        "parameters": "1234", "s/epoch": "10", "best epoch": "3.5", "training s": "35",
        "peak MiB": "204", "note": "trained",
    }  # fmt: skip
    assert [row[0] for row in table[1:]] == ["first", "second", "NB|SVM", "paper"]


def test_empty_columns_are_left_out():
    first = trained("first", scores(1, 1, 0, 0))
    titles = columns([make_row(first, first)]).keys()
    assert not {"± seeds", "to the first", "GPU MiB", "metric"} & titles
    second = trained("second", scores(1, 1, 0, 0, metric="cer"))
    mixed = [make_row(first, first), make_row(second, first)]
    assert columns(mixed)["metric"] == ["accuracy", "cer"]


def test_the_notes_below_the_table():
    notes = describe_table(ROWS, [FIRST, SECOND], "validation")
    assert notes.startswith("validation: 4 samples in 2 groups; it also chose the best epoch")
    assert "bootstrap over groups of each sample's mean over the seeds" in notes
    assert "it also chose" not in describe_table(ROWS, [FIRST, SECOND], "test")


def test_the_plot_shows_every_config_and_baseline(tmp_path):
    figure = plot_comparison(ROWS, [FIRST, SECOND], "validation")
    left, right = figure.axes
    assert left.get_ylabel() == "validation accuracy (%)"
    dashed = [line for line in left.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [91.2, 91.4]
    assert [text.get_text() for text in left.texts] == ["NB|SVM 91.20", "paper 91.40"]
    heights = [text.get_position()[1] for text in left.texts]
    assert heights[1] - heights[0] >= 0.049
    points = [tuple(container.lines[0].get_xydata()[0]) for container in left.containers]
    assert points == [(7.0, 37.5), (35.0, 87.5)]
    thick = [line for line in right.lines if line.get_linewidth() > 1]
    assert [line.get_color() for line in thick] == list(COLOURS[:2])
    assert thick[0].get_xydata().tolist() == [[2, 60], [4, 70], [6, 80]]  # the epochs of both
    assert [len(line.get_xdata()) for line in right.lines if line not in thick] == [3, 4, 3, 4]
    assert to_rgba(COLOURS[0], 0.15) in map(tuple, right.collections[0].get_facecolor())
    figure.savefig(tmp_path / "compare.png")
    assert (tmp_path / "compare.png").stat().st_size > 10_000


def test_no_texts_of_the_plot_overlap():
    figure = plot_comparison(ROWS, [FIRST, SECOND], "validation")
    figure.draw_without_rendering()
    left, right = figure.axes
    boxes = [Text.get_window_extent(text) for text in left.texts]  # without the arrow
    boxes += [right.get_tightbbox(), figure.legends[0].get_window_extent()]
    boxes += [left.xaxis.get_tightbbox()]
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))


def test_labels_move_apart_and_stay_inside():
    assert spread([0.1, 0.5], 0.05) == [0.1, 0.5]
    assert spread([0.5, 0.51, 0.52], 0.05) == pytest.approx([0.5, 0.55, 0.6])
    assert spread([0.98, 0.99], 0.05) == pytest.approx([0.95, 1.0])


def test_the_json_has_no_nan(tmp_path):
    row = Row("a", "accuracy", 91.5, others={"edit": math.nan, "f1@50": 40.0})
    write_json([row], tmp_path / "t.json")
    written = json.loads((tmp_path / "t.json").read_text(), parse_constant=pytest.fail)
    assert written == {"a": {"accuracy": 91.5, "f1@50": 40.0}}
