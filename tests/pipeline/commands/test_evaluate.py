"""The command evaluate: corpus scores of a bundle on labelled lines and reviews."""

import csv
import json
from math import exp
from pathlib import Path

import pytest
from rapidfuzz.distance import Levenshtein

from datasets import LineFolder, RealLines
from pipeline.doctor.line_files import list_folder
from pipeline.evaluation.labelled import label_ids
from pipeline.reading.bundle import save_bundle
from tests.support.networks import connect
from tests.support.opinions import opinion_bundle
from tests.support.small import noise_line, write_image


@pytest.fixture
def labelled(tmp_path, expected) -> tuple[Path, list[tuple[str, str]]]:
    """A labelled folder and its (transcript, reading) pairs: right, wrong, and unreadable."""
    folder = tmp_path / "labelled"
    paths = [write_image(folder / f"p{i % 2}__{i}.png", noise_line(i)) for i in range(4)]
    predictions = [r["text"] for r in expected.predict(map(str, paths))]
    references = [predictions[0], predictions[1].upper(), predictions[2][1:] + "xy", predictions[3]]
    (folder / "p1__9.png").write_bytes(b"broken")
    rows = [*zip((p.name for p in paths), references, strict=True), ("p1__9.png", "abc")]
    text = "".join(f"{name}\t{line}\n" for name, line in rows)
    (folder / "labels.tsv").write_text(text, encoding="utf-8")
    return folder, list(zip([*references, "abc"], [*predictions, ""], strict=True))


def load_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def percent_cer(pairs) -> float:
    edits = sum(Levenshtein.distance(reference, prediction) for reference, prediction in pairs)
    return 100 * edits / sum(len(reference) for reference, _ in pairs)


def test_evaluate_computes_corpus_scores(command, bundle_file, labelled, tmp_path):
    folder, pairs = labelled
    options = ("evaluate", "--model", bundle_file, "--data", folder, "--json", tmp_path / "s.json")
    code, out, err = command(*options)
    scores = load_json(tmp_path / "s.json")
    assert set(scores) == {"cer", "wer", "exact", "ece", "n", "per_second"}
    assert scores["cer"] == pytest.approx(percent_cer(pairs))
    assert (scores["exact"], scores["n"]) == (40.0, 5)
    assert scores["per_second"] > 0
    assert code == 1 and "p1__9.png: not an image" in err and "(counted as read empty)" in err
    assert f"cer {scores['cer']:.2f} %" in out and "2 groups" in out
    assert "5 lines, " in out and "compared after NFC" in out


def test_evaluate_ignores_case_if_asked(command, bundle_file, labelled, tmp_path):
    folder, pairs = labelled
    options = ("evaluate", "--model", bundle_file, "--data", folder / "labels.tsv")
    _, out, _ = command(*options, "--ignore_case", "--json", tmp_path / "s.json")
    scores = load_json(tmp_path / "s.json")
    folded = [(reference.casefold(), prediction.casefold()) for reference, prediction in pairs]
    assert scores["cer"] == pytest.approx(percent_cer(folded)) and scores["exact"] == 60.0
    assert "case ignored" in out


def test_evaluate_returns_0_if_everything_was_read(command, bundle_file, labelled):
    folder, _ = labelled
    (folder / "p1__9.png").unlink()
    rows = (folder / "labels.tsv").read_text(encoding="utf-8").splitlines()[:4]
    (folder / "labels.tsv").write_text("\n".join(rows), encoding="utf-8")
    code, _, err = command("evaluate", "--model", bundle_file, "--data", folder)
    assert (code, err) == (0, "")


def test_evaluate_names_what_is_missing(command, bundle_file, tmp_path):
    code, _, err = command("evaluate", "--model", bundle_file, "--data", tmp_path / "none")
    assert code == 2 and "no such data: " in err and err.count("\n") == 1
    code, _, err = command("evaluate", "--model", bundle_file, "--data", tmp_path)
    assert code == 2 and "nothing to read" in err and err.count("\n") == 1
    code, _, err = command("evaluate", "--model", bundle_file)
    assert code == 2 and "give the labelled data: either --data, or --config" in err


def test_an_image_without_a_transcript_is_reported_and_not_scored(command, bundle_file, tmp_path):
    for name in ("a__1", "b__1"):
        write_image(tmp_path / f"{name}.png", noise_line(0))
    (tmp_path / "a__1.gt.txt").write_text("ab\n", encoding="utf-8")
    code, out, err = command("evaluate", "--model", bundle_file, "--data", tmp_path)
    assert code == 0 and "1 lines, " in out
    assert (
        "b__1.png: no transcript; put b__1.gt.txt beside it or remove the image; not scored" in err
    )


def test_unusable_rows_and_folded_spaces_are_told(command, bundle_file, tmp_path):
    """Training and doctor count the same lines."""
    for index in range(5):
        write_image(tmp_path / f"p{index}__.png", noise_line(index))
    rows = ["file,text", "p0__.png,ab", "p1__.png,a\u00a0b", "p2__.png,a, b", 'p3__.png,"a\nb"']
    table = tmp_path / "labels.csv"
    table.write_bytes("\n".join(rows).encode() + b"\np4__.png,\xff\n")
    code, out, err = command("evaluate", "--model", bundle_file, "--data", tmp_path)
    assert code == 0 and "2 lines, " in out
    assert "1 transcripts with tabs or unusual spaces (1 x U+00A0)" in err
    reasons = [
        f"{table}, line 4: 3 cells under 2 columns",
        f"{table}, line 7: not UTF-8 at its byte 9",
        f"{tmp_path / 'p3__.png'}: a line break inside the transcript",
    ]
    source = RealLines([LineFolder(str(tmp_path), validation=0.0)], height=16)
    unnamed = [f"{tmp_path / name}: not in labels.csv" for name in ("p2__.png", "p4__.png")]
    reasons = [*reasons[:2], *unnamed, reasons[2]]
    assert len(source.split("train")) == 2 and len(source.problems) == len(reasons)
    listing = list_folder(LineFolder(str(tmp_path)), True)
    for reason, problem in zip(reasons, source.problems, strict=True):
        assert reason in err and problem.reason.startswith(reason)
    assert [problem.reason for problem in source.problems[:2]] == listing.problems
    assert sum(line.text is not None for line in listing.lines) == 3  # one with a finding


def test_a_transcript_may_contain_symbols_unknown_to_the_bundle(command, bundle_file, tmp_path):
    write_image(tmp_path / "a__1.png", noise_line(0))
    (tmp_path / "a__1.gt.txt").write_text("\u00e9\u6f22\n", encoding="utf-8")
    options = ("--data", tmp_path, "--json", tmp_path / "s.json")
    assert command("evaluate", "--model", bundle_file, *options).code == 0
    assert load_json(tmp_path / "s.json")["cer"] >= 100


# text, label, film; the bundle calls a text positive if it holds more good than bad
REVIEWS = [
    ("good", 1, "x"),
    ("good good bad", 1, "x"),
    ("bad", 0, "y"),
    ("bad film", 1, "y"),
    ("good film", 0, "z"),
    ("good", 1, "z"),
]
HALF_LOGIT_GAPS = [1, 1 / 3, 1, 1 / 2, 1 / 2, 1]  # half the difference of the two logits


@pytest.fixture
def opinions(tmp_path) -> Path:
    save_bundle(opinion_bundle(temperature=0.5), tmp_path / "opinions.safetensors")
    return tmp_path / "opinions.safetensors"


def write_reviews(path: Path, rows=REVIEWS) -> Path:
    path.parent.mkdir(exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label", "movie"), *rows])
    return path


def test_evaluate_scores_reviews(command, opinions, tmp_path):
    data = write_reviews(tmp_path / "reviews.csv")
    options = ("--data", data, "--json", tmp_path / "s.json")
    code, out, err = command("evaluate", "--model", opinions, *options)
    scores = load_json(tmp_path / "s.json")
    assert (code, err) == (0, "")
    assert set(scores) == {"accuracy", "mean_class_accuracy", "ece", "n", "per_second"}
    assert scores["accuracy"] == pytest.approx(100 * 4 / 6)
    assert scores["mean_class_accuracy"] == pytest.approx(100 * (3 / 4 + 1 / 2) / 2)
    confidences = [1 / (1 + exp(-2 * half / 0.5)) for half in HALF_LOGIT_GAPS]
    assert (scores["n"], scores["per_second"] > 0) == (6, True)
    # answers of one confidence share a bin: all three of 1 are right, both of 1/2 are wrong
    distance = 3 * (1 - confidences[0]) + (1 - confidences[1]) + 2 * confidences[3]
    assert scores["ece"] == pytest.approx(100 * distance / 6, abs=0.5)  # 0.5: bfloat16
    assert "accuracy 66.67 % (" in out and "95 % over 3 groups" in out
    assert "6 reviews, " in out and "compared" not in out and f"ece {scores['ece']:.2f} %" in out


def test_evaluate_takes_names_of_labels_and_a_part_of_a_folder(command, opinions, tmp_path):
    names = ("negative", "positive")
    write_reviews(tmp_path / "all" / "train.csv", [(t, names[k], f) for t, k, f in REVIEWS])
    write_reviews(tmp_path / "all" / "test.csv", [(t, names[k], f) for t, k, f in REVIEWS[:3]])
    options = ("evaluate", "--model", opinions, "--data", tmp_path / "all")
    assert "accuracy 100.00 % (" in command(*options).out
    assert "accuracy 66.67 % (" in command(*options, "--split", "train").out
    assert command(*options, "--split", "validation").code == 2
    (tmp_path / "all" / "test.csv").unlink()
    code, _, err = command(*options)
    assert code == 2 and "has no test split; --split takes train" in err


def test_an_empty_review_counts_as_wrong_and_an_unlabelled_row_is_not_scored(
    command, opinions, tmp_path
):
    data = write_reviews(tmp_path / "r.csv", [*REVIEWS[:3], (" ", 1, "z"), ("good", "", "z")])
    code, out, err = command("evaluate", "--model", opinions, "--data", data)
    assert code == 1 and "accuracy 75.00 % (" in out and "4 reviews, " in out
    assert "r.csv row 4: empty, there is nothing to read (counted as wrong)" in err
    assert "row 5: no label" in err and "not scored" in err


def test_unknown_labels_are_named(command, opinions, tmp_path):
    data = write_reviews(tmp_path / "r.csv", [("good", "great", "x"), ("bad", "2", "y")])
    code, out, err = command("evaluate", "--model", opinions, "--data", data)
    assert (code, out) == (2, "")
    assert "r.csv: 2 labels that the bundle does not know, such as '2', 'great'; it knows" in err


def test_numbers_are_indices_unless_they_are_names():
    assert label_ids(["1", "0", "1"], ["no", "yes"], "x") == [1, 0, 1]
    assert label_ids(["1", "2"], ["2", "1"], "x") == [1, 0]
    assert label_ids(["yes", "no"], ["no", "yes"], "x") == [1, 0]
    with pytest.raises(ValueError, match=r"x: 2 labels that the bundle .*, such as '1', '2'"):
        label_ids(["1", "2"], ["no", "yes"], "x")
    with pytest.raises(ValueError, match="does not know, such as '1'; it knows 'no', 'yes'"):
        label_ids(["yes", "1"], ["no", "yes"], "x")


def test_evaluate_refuses_bundles_that_it_cannot_score(command, tmp_path):
    from datasets import TextReader
    from models import RecurrentStack, TokenClassificationHead, TokenEmbedding
    from pipeline.reading.bundle import Bundle

    model = connect(
        4,
        2,
        lambda n: TokenEmbedding(n, 2),
        lambda n: RecurrentStack(n, 2, 1),
        lambda size, count: TokenClassificationHead(size, count, multi_label=True),
    )
    save_bundle(Bundle(model, ["a", "b"], TextReader(["x", "y"])), tmp_path / "c.safetensors")
    code, _, err = command("evaluate", "--model", tmp_path / "c.safetensors", "--data", tmp_path)
    assert code == 2 and "reads with TextReader for a TokenClassificationHead; evaluate" in err


@pytest.mark.parametrize("name", ["labels.tsv", "0.png", "tiny.safetensors"])
def test_scores_are_never_written_over_what_is_read(command, bundle_file, tmp_path, name):
    write_image(tmp_path / "0.png", noise_line(0))
    (tmp_path / "labels.tsv").write_text("0.png\tabc\n", encoding="utf-8")
    bundle = tmp_path / "tiny.safetensors"
    bundle.write_bytes(bundle_file.read_bytes())
    before = (tmp_path / name).read_bytes()
    given = ("--model", bundle, "--data", tmp_path / "labels.tsv", "--json")
    code, out, err = command("evaluate", *given, tmp_path / name)
    assert (code, out) == (2, "") and err.startswith(f"error: --json {tmp_path / name}: ")
    assert (tmp_path / name).read_bytes() == before and err.count("\n") == 1
    for _ in range(2):  # its own scores are written over
        assert command("evaluate", *given, tmp_path / "scores.json").code == 0
