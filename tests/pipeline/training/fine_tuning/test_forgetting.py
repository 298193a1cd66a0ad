"""`--remember`: error rates on old lines before and after fine-tuning, stored in the bundle."""

from pathlib import Path

import pytest

from models.decoding.beam import BeamSearch
from pipeline.reading.bundle import load_bundle, save_bundle
from pipeline.reading.prediction import load_recognizer
from pipeline.training.fine_tuning.forgetting import Forgetting, old_lines
from tests.support.small import ALPHABET, LINES, tiny_bundle, write_lines

pytestmark = pytest.mark.usefixtures("folder")


def readings(bundle: Path, paths: list[Path]) -> list[str]:
    recognizer = load_recognizer(str(bundle))
    return [record["text"] for record in recognizer.predict([str(p) for p in paths])]


def test_both_scores_are_those_of_the_readings(bundle_file):
    """The texts are what one bundle reads: it has no error, another has some, blanks have 100 %."""
    write_lines(*"xxxx")
    images = sorted(Path("lines").glob("*.png"))
    texts = readings(bundle_file, images)
    assert all(texts)
    write_lines(*texts)
    save_bundle(tiny_bundle(seed=1), Path("other.safetensors"))
    forgetting = Forgetting(str(bundle_file), "lines")
    assert forgetting.before == [0.0]
    silent = tiny_bundle()
    silent.model.head.linear.bias.data[-1] = 1e4  # nothing but blanks
    save_bundle(silent, Path("new.safetensors"))
    summary = forgetting.report(Path("new.safetensors"))
    assert summary == "forgetting: tiny: lines (4 lines) 0.00 -> 100.00 % CER"
    kept = load_bundle("new.safetensors")
    assert kept.scores == silent.scores | {"old/lines/cer_before": 0.0, "old/lines/cer": 100.0}
    assert kept.card == silent.card | {"forgetting": summary.removeprefix("forgetting: ")}
    assert Forgetting("other.safetensors", "lines").before[0] > 0


def test_decoding_is_greedy(bundle_file):
    """Also for a bundle with a beam search, since a fine-tuned one has no language model yet."""
    write_lines(*"xxxx")
    images = sorted(Path("lines").glob("*.png"))
    texts = readings(bundle_file, images)
    write_lines(*texts)
    searching = tiny_bundle()
    searching.decoder = BeamSearch(list(ALPHABET), beta=5.0, certain=2.0)
    save_bundle(searching, Path("search.safetensors"))
    assert readings(Path("search.safetensors"), images) != texts
    assert Forgetting("search.safetensors", "lines").before == [0.0]


def test_a_damaged_line_counts_as_read_empty(bundle_file):
    write_lines("abc")
    Path("lines/p0__.png").write_bytes(b"")
    assert Forgetting(str(bundle_file), "lines").before == [100.0]


def test_a_config_stands_for_its_validation_lines():
    write_lines("ab", "ba", "cab", "d")
    reader = tiny_bundle().reader
    (old,) = old_lines("lines.yaml", reader)
    assert (old.name, old.texts, old.groups) == ("lines", ["ab", "ba"], ["p0", "p1"])
    mixed = LINES[: LINES.index("    class_path: datasets.RealLines")] + (
        "    init_args: {sources: [{class_path: datasets.RealLines, "
        "init_args: {folders: [{root: lines, validation: [p2]}]}}]}\n"
    )
    Path("mixed.yaml").write_text(mixed, encoding="utf-8")
    assert [lines.texts for lines in old_lines("mixed.yaml", reader)] == [["cab"]]
    with pytest.raises(ValueError, match=r"words.yaml: no datasets.RealLines in it"):
        old_lines("words.yaml", reader)


def test_a_set_is_named_after_its_folder_or_label_file():
    write_lines("ab", "ba")
    Path("lines/labels.tsv").write_text("p0__.png\tab\n", encoding="utf-8")
    names = [old_lines(given, None)[0].name for given in ("lines/labels.tsv", "lines")]
    assert names == ["lines", "lines"]
    Path("lines/labels.tsv").rename("lines/book_g.tsv")
    assert old_lines("lines/book_g.tsv", None)[0][:3] == ("book_g", ["lines/p0__.png"], ["ab"])
