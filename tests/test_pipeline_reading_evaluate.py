"""evaluate as a user calls it: corpus scores of a bundle on labelled lines."""

import json
from pathlib import Path

import pytest
from conftest import noise_line, write_image
from rapidfuzz.distance import Levenshtein


@pytest.fixture
def labelled(tmp_path, expected) -> tuple[Path, list[tuple[str, str]]]:
    """A labelled folder and its (transcript, reading) pairs: right, wrong, and unreadable."""
    folder = tmp_path / "labelled"
    paths = [write_image(folder / f"p{i % 2}__{i}.png", noise_line(i)) for i in range(4)]
    said = [r["text"] for r in expected.predict(map(str, paths))]
    true = [said[0], said[1].upper(), said[2][1:] + "xy", said[3]]
    (folder / "p1__9.png").write_bytes(b"broken")
    rows = [*zip((p.name for p in paths), true, strict=True), ("p1__9.png", "abc")]
    text = "".join(f"{name}\t{line}\n" for name, line in rows)
    (folder / "labels.tsv").write_text(text, encoding="utf-8")
    return folder, list(zip([*true, "abc"], [*said, ""], strict=True))


def percent_cer(pairs) -> float:
    edits = sum(Levenshtein.distance(true, said) for true, said in pairs)
    return 100 * edits / sum(len(true) for true, _ in pairs)


def test_evaluate_gives_corpus_scores(command, bundle_file, labelled, tmp_path):
    folder, pairs = labelled
    options = ("evaluate", "--model", bundle_file, "--data", folder, "--json", tmp_path / "s.json")
    code, out, err = command(*options)
    scores = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert set(scores) == {"cer", "wer", "exact", "n", "per_second"}
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
    scores = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    folded = [(true.casefold(), said.casefold()) for true, said in pairs]
    assert scores["cer"] == pytest.approx(percent_cer(folded)) and scores["exact"] == 60.0
    assert "case ignored" in out


def test_evaluate_ends_with_zero_if_all_was_read(command, bundle_file, labelled):
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
    assert code == 2 and "error: the following arguments are required: data" in err


def test_an_image_without_a_transcript_is_named_and_not_scored(command, bundle_file, tmp_path):
    for name in ("a__1", "b__1"):
        write_image(tmp_path / f"{name}.png", noise_line(0))
    (tmp_path / "a__1.gt.txt").write_text("ab\n", encoding="utf-8")
    code, out, err = command("evaluate", "--model", bundle_file, "--data", tmp_path)
    assert code == 0 and "1 lines, " in out
    assert "b__1.png: no transcript, so not scored" in err
