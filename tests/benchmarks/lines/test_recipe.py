"""The recipe's table: each row differs from the base in its one thing; scores by folder."""

import json

import numpy as np
import pytest

from benchmarks.lines.recipe import BASE, cells_of, mixing, of_folder, rows_of, table, variants_of
from benchmarks.lines.squeezed import Squeezed
from datasets import LineFolder, RealLines
from pipeline.comparison.options import option_differences
from pipeline.comparison.table import VariantResults
from pipeline.evaluation.split_scores import SampleScores
from tests.support.small import LINES, noise_line, write_image

NAMES = ["/d/books/p1__0.png", "/d/books/p1__1.png", "/d/books/p2__0.png", "/d/slips/r1.png"]


def scored(*edits: int) -> SampleScores:
    counts = np.array(edits, float), np.array([10.0, 10, 20, 5])
    return SampleScores("cer", NAMES, ["g", "g", "g", "shop"], *counts)


def trained(name: str, *edits: int) -> VariantResults:
    history = [{"samples_per_second": speed} for speed in (10.0, 40.0, 30.0)]
    return VariantResults(name, [scored(*edits)], [{"parameters": 5e5, "seconds": 90.0}], [history])


def test_scores_are_taken_apart_by_folder():
    books = of_folder(scored(1, 2, 3, 5), "books")
    assert books.names == NAMES[:3]
    assert books.groups == ["p1", "p1", "p2"]  # one book: by page
    assert books.value == pytest.approx(15.0)
    slips = of_folder(scored(1, 2, 3, 4), "slips")
    assert (slips.names, slips.value) == (NAMES[3:], pytest.approx(80.0))


def test_a_row_says_its_scores_and_how_far_they_are_from_the_base():
    base, other = trained(BASE, 1, 2, 3, 5), trained("other", 1, 0, 1, 5)
    books = "15.00 (15.00-15.00)"
    assert cells_of(base, base, ["books"]) == ["base", "0.50 M", books, "", "30", "1.5"]
    cells = cells_of(other, base, ["books", "slips"])
    assert cells[2].startswith("5.00 (") and cells[3].startswith("-10.00 (")
    assert cells[4].startswith("100.00 (") and cells[5].startswith("+0.00 (")
    lines = table([base, other], markdown=True).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| base", "| other"]
    assert "Validation lines: 3 books, 1 slips." in lines[-1]


def test_every_row_changes_what_it_says():
    source = {"class_path": "datasets.Mixture", "init_args": {"sources": []}}
    options = {"data": {"source": source, "augmentations": [{"class_path": "a"}]}}
    rows = rows_of(options | {"trainer": {"max_epochs": 7}})
    assert rows[BASE] == () and len({*rows.values()}) == len(rows) == 12
    key, _, value = rows["aspect ratio not kept"][0].partition("=")
    assert key == "data.source" and json.loads(value)["init_args"]["source"] == source
    augmentations = json.loads(rows["full augmentation"][0].partition("=")[2])
    assert augmentations[0] == {"class_path": "a"} and len(augmentations) > 6
    shares = ("data.source.init_args.added_share=[0.8, 0.2]", "data.source.init_args.epochs=7")
    assert rows["synthetic to real"] == shares
    assert rows["real lines only"] == (mixing(0, 0), shares[1])


@pytest.mark.slow
def test_options_of_a_row_are_the_bases_but_for_one(tmp_path):
    config = tmp_path / "lines.yaml"
    head = LINES.replace("    class_path: datasets.RealLines", "    class_path: datasets.Mixture")
    init, _, rest = head.partition("    init_args: {folders:")
    folders, _, rest = rest.partition("\n")
    real = "{class_path: datasets.RealLines, init_args: {folders:" + folders + "}"
    mixed = f"    init_args: {{sources: [{real}]}}\n"
    config.write_text(init + mixed + "  augmentations: []\n" + rest, encoding="utf-8")
    chosen = ["aspect ratio not kept", "synthetic to real"]
    base, squeezed, mixed = variants_of(config, ["model.shortcut=models.CTCHead"], chosen)
    assert [one.name for one in (base, squeezed, mixed)] == [BASE, *chosen]
    changed = option_differences(base.options, mixed.options)
    assert [line.partition(" is ")[0].rpartition(".")[2] for line in changed] == [
        "added_share", "epochs",
    ]  # fmt: skip
    source = squeezed.options["data"]["source"]
    assert source["class_path"] == "benchmarks.lines.squeezed.Squeezed"
    assert source["init_args"]["source"] == base.options["data"]["source"]
    with pytest.raises(ValueError, match="--rows no such: there are base, aspect"):
        variants_of(config, [], ["no such"])


def test_squeezed_lines_are_all_as_wide_and_else_the_same(tmp_path):
    for place, width in enumerate((50, 130, 260)):
        path = write_image(tmp_path / f"p{place}.png", noise_line(place, width=width, height=40))
        path.with_suffix(".gt.txt").write_text("ab", encoding="utf-8")
    source = RealLines([LineFolder(str(tmp_path), validation=["p0"])], "ab", 16)
    squeezed = Squeezed(source, 64)
    for name, count in (("train", 2), ("validation", 1)):
        lines, plain = squeezed.split(name), source.split(name)
        assert len(lines) == count and lines.sizes.tolist() == [64] * count
        for index in range(count):
            sample, whole = lines.read(index), plain.read(index)
            assert sample.inputs.shape == (64, 1, 16) and sample.inputs.dtype == np.uint8
            assert sample.target.tolist() == whole.target.tolist()
            halves = [part.mean() for part in np.array_split(sample.inputs, 2)]
            assert halves == pytest.approx(
                [part.mean() for part in np.array_split(whole.inputs, 2)], abs=8
            )
    squeezed.split("train").augmentation = len
