"""What each training of the benchmark leaves out, and the figures of its tables."""

import json

import numpy as np
import pytest

from benchmarks.lines.unseen.__main__ import main
from benchmarks.lines.unseen.scores import Read, joint_fit, kept_lines, read_lines
from benchmarks.lines.unseen.variants import (
    ALL,
    START,
    folders_of,
    limited,
    source_of,
    synthetic_only,
    without_source,
)
from datasets import LineFolder
from pipeline.reading.bundle import load_bundle, save_bundle
from tests.support.images import noise_line, write_image
from tests.support.small import tiny_bundle


def folder(root, name: str) -> dict:
    for group in range(6):
        for line in range(2):
            image = root / name / f"p{group}__{line}.png"
            write_image(image, noise_line(line, 60 + group))
            image.with_suffix(".gt.txt").write_text("abc", encoding="utf-8")
    own = LineFolder(str(root / name), validation=["p0"], test=["p1"], any_case=name == "b_x_1")
    return vars(own)


def resolved(root, *names: str) -> dict:
    real = {"folders": [folder(root, name) for name in names], "height": 16}
    made = {"count": 4, "height": 16, "alphabet": "abc"}
    sources = [
        {"class_path": "datasets.RealLines", "init_args": real},
        {"class_path": "datasets.SyntheticLines", "init_args": made},
    ]
    return {
        "data": {"source": {"class_path": "datasets.Mixture", "init_args": {"sources": sources}}}
    }


def names(options: dict) -> list[str]:
    return [one.root.rpartition("/")[2] for one in folders_of(options)]


def test_a_source_is_left_out_with_all_its_folders(tmp_path):
    options = resolved(tmp_path, "a_x_1", "b_x_1", "a_x_2")
    before = json.dumps(options)
    assert names(options) == ["a_x_1", "b_x_1", "a_x_2"]
    assert [source_of(one) for one in folders_of(options)] == ["a_x", "b_x", "a_x"]
    assert names(without_source(options, "a_x")) == ["b_x_1"]
    assert names(synthetic_only(options)) == []
    assert json.dumps(options) == before


def test_fewer_lines_come_more_often(tmp_path):
    few = limited(resolved(tmp_path, "a_x_1"), 4, 8)
    own = few["data"]["source"]["init_args"]["sources"][0]["init_args"]
    assert own["limit"] == 4 and own["folders"][0]["weight"] == 2


def test_a_start_needs_lines_that_are_made(tmp_path):
    options = resolved(tmp_path, "a_x_1")
    del options["data"]["source"]["init_args"]["sources"][1]
    with pytest.raises(ValueError, match=r"mixes no datasets\.SyntheticLines"):
        synthetic_only(options)


def test_kept_lines_are_those_of_the_split_and_of_either_case_if_one_folder_says_so(tmp_path):
    options = resolved(tmp_path, "a_x_1", "b_x_1")
    lines = kept_lines(options, "b_x", ["train", "validation"])
    assert len(lines.paths) == 10 and set(lines.groups) == {"p0", "p2", "p3", "p4", "p5"}
    assert lines.any_case and not kept_lines(options, "a_x", ["validation"]).any_case
    save_bundle(tiny_bundle(), tmp_path / "tiny.safetensors")
    found = read_lines(tmp_path / "tiny.safetensors", lines)
    assert found.cer.value > 50 and found.exact.value == 0 and found.cer.groups == 5
    assert found.log_p.shape == found.right.shape == found.confidences.shape == (10,)
    assert (found.log_p < 0).all() and not found.right.any()


def read(log_p: np.ndarray, right: np.ndarray) -> Read:
    return Read(None, None, np.exp(log_p), log_p, right)


def test_a_joint_fit_counts_each_source_alike_and_makes_up_for_what_is_too_sure():
    rng = np.random.default_rng(0)
    log_p = np.log(rng.uniform(0.5, 1, 4000))
    often = read(log_p, rng.random(4000) < np.exp(log_p))
    rarely = read(log_p[:400], rng.random(400) < np.exp(log_p[:400]) / 2)
    assert often.ece() < 3 < 20 < rarely.ece()
    assert rarely.ece(joint_fit([rarely])) < 6
    both = joint_fit([often, rarely])
    assert np.mean(both.confidences(log_p)) == pytest.approx(0.75 * 0.75, abs=0.03)


CONFIG = """
model:
  encoder:
    class_path: models.LineCNN
    init_args: {{channels: [4, 6, 5], width_reduction: 2, height_reduction: 4}}
  recurrent: {{class_path: models.RecurrentStack, init_args: {{hidden_size: 8, num_layers: 1}}}}
  head: models.CTCHead
data:
  source: {source}
  workers: 0
trainer: {{max_epochs: 1}}
"""


@pytest.mark.slow
def test_each_source_and_number_of_lines_has_a_row(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = resolved(tmp_path, "a_x_1", "b_x_1")
    sources = options["data"]["source"]["init_args"]["sources"]
    sources[1]["init_args"] |= {"texts": [str(tmp_path / "texts.txt")]}
    (tmp_path / "texts.txt").write_text("abc cab bca\n" * 50, encoding="utf-8")
    sources[0]["init_args"]["alphabet"] = sources[1]["init_args"]["alphabet"] = "abc "
    config = tmp_path / "lines.yaml"
    config.write_text(CONFIG.format(source=json.dumps(options["data"]["source"])), encoding="utf-8")
    code = main(
        ["--config", str(config), "--parts", "sources", "curve", "--limits", "4", "--start",
         "00:00:01:00", "--time", "00:00:01:00", "--calibrate",
         "runs/compare/unseen/all-seed0/best.safetensors", "--output", "sure.safetensors"]
    )  # fmt: skip
    assert code == 0 and load_bundle("sure.safetensors").calibration.strings["greedy"]
    sources_table, curve = capsys.readouterr().out.split("\n\n")[:2]
    rows = [line.split() for line in sources_table.splitlines()[1:]]
    assert [row[:3] for row in rows] == [["a_x", "10", "5"], ["b_x", "10", "5"]]
    first = [line.split("  ")[0] for line in curve.splitlines()[1:]]
    assert first == [START, ALL, "4 lines"]
