"""The doctor on labelled texts: what it takes, planted faults, splits, and doubted labels."""

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest

from datasets.text.tokens import text_digest
from pipeline.doctor.texts.checks import KINDS, ListedText, text_findings
from pipeline.doctor.texts.examiner import holds_reviews
from pipeline.reading.bundle import save_bundle
from pipeline.scoring.seen_samples import SeenSamples
from tests.support.films import film
from tests.support.opinions import opinion_bundle
from tests.support.small import noise_line, write_image

COMMON = ["the", "a", "of", "and", "was", "it"]
RARE = [f"{a}{b}{c}" for a in "bdfglmp" for b in "aeiou" for c in ("nd", "rt", "st", "lk")]
FOREIGN = "le chat gris dort sous un arbre pendant que les oiseaux chantent dans notre beau jardin"


def sentence(seed: int, count: int = 30) -> str:
    draw = random.Random(seed)
    words = [draw.choice(COMMON if i % 2 else RARE) for i in range(count)]
    return " ".join(words)


def write_table(path: str, rows: list[tuple[str, str, str]]) -> Path:
    Path(path).parent.mkdir(exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label", "group"), *rows])
    return Path(path)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def diagnosed(command, *arguments: object) -> tuple[int, dict, str]:
    done = command("doctor", *arguments, "--json", "found.json")
    assert Path("found.json").exists(), done.err
    found = json.loads(Path("found.json").read_text(encoding="utf-8"))
    return done.code, found["texts"], done.out


def found_kinds(document: dict) -> dict[str, list[str]]:
    """Kind -> the numbers of its rows."""
    kinds: dict[str, list[str]] = {}
    for finding in document.get("findings", []):
        kinds.setdefault(finding["kind"], []).append(finding["name"].rpartition(" ")[2])
    return kinds


def test_healthy_texts_have_no_finding(command, here):
    rows = [(sentence(i), "ab"[i % 2], str(i // 3)) for i in range(40)]
    code, found, out = diagnosed(command, write_table("r.csv", rows))
    assert code == 0 and "findings" not in found and not found["warnings"]
    assert found["totals"]["texts"] == 40 and found["labels"]["a"] == {"texts": 20}
    assert "words, median" in out


def test_planted_faults_are_all_found_and_nothing_else(command, here):
    rows = [(sentence(i), "ab"[i % 2], str(i)) for i in range(60)]
    words = sentence(5).split()
    planted = [
        ("...", "a", "empty"),  # 61: no words
        ("good", "a", "short"),
        (sentence(99, 1100), "b", "long"),
        (sentence(5).upper(), "b", "copy"),
        (" ".join([*words[:12], "new", *words[13:]]), "b", "copy, changed"),
        (sentence(8), "b", "copy, other label"),
        (sentence(70).replace(" ", " cafÃ© ", 1), "a", "mojibake"),
        (sentence(71) + " \x07", "a", "control"),
        (sentence(72) + "<div>&nbsp;", "a", "markup"),
        (FOREIGN, "a", "foreign"),
        (sentence(73) + " \x93so\x94", "a", "Windows-1252"),
    ]
    code, found, out = diagnosed(command, write_table("r.csv", rows + planted))
    assert found_kinds(found) == {
        "two labels": ["66"],
        "no words": ["61"],
        "duplicate": ["64"],
        "near duplicate": ["65"],
        "wrong encoding": ["71", "67"],
        "control characters": ["68"],
        "markup": ["69"],
        "other language": ["70"],
        "very short": ["62"],
        "very long": ["63"],
    }
    assert code == 1 and "no words: r.csv row 61" in out  # training leaves it out
    assert list(found_kinds(found)) == [kind for kind in KINDS if kind in found_kinds(found)]
    assert found["findings by kind"]["markup"] == {"texts": 1}
    (label,) = found["suspects"]
    assert label.startswith("two labels, 1 text: r.csv row 66 (as r.csv row 9, which is 'a'; this")


def test_a_line_break_of_html_emoji_and_other_scripts_are_no_faults():
    texts = [
        "a<br />b c 👩‍👩‍👧 d",
        "नमस्ते दुनिया यह",
        "SÃO PAULO é bom",
        "x < y and a & b c",
        "tab\there is\nit",
    ]
    rows = [ListedText(str(i), text, "a", str(i), "") for i, text in enumerate(texts)]
    assert list(text_findings(rows)) == []


def test_texts_and_groups_of_two_splits_are_told(command, here):
    train = [(sentence(i), "ab"[i % 2], f"g{i}") for i in range(20)]
    test = [(sentence(100 + i), "ab"[i % 2], f"h{i}") for i in range(10)]
    test[3] = (train[7][0] + ".", "b", "h3")
    test[4] = (test[4][0], "a", "g2")
    test[5] = (test[5][0], "c", "h5")
    write_table("d/train.csv", train), write_table("d/test.csv", test)
    _, found, _ = diagnosed(command, "d")
    (leak,) = [f for f in found["findings"] if f["kind"] == "in two splits"]
    assert (leak["split"], leak["name"], leak["other"]) == (
        "train", "train.csv row 8", "test.csv row 4",
    )  # fmt: skip
    warnings = " | ".join(found["warnings"])
    assert "1 group in more than one split, such as 'g2'" in warnings
    assert "no text of train has the label 'c'" in warnings
    assert found["totals"]["train"] == 20 and found["labels"]["a"] == {
        "texts": 15, "train": 10, "test": 5,
    }  # fmt: skip


def test_rare_labels_and_twins_are_told(command, here):
    rows = [(sentence(i), "a" if i % 10 else "b", str(i)) for i in range(40)]
    rows += [(sentence(50 + i), "A", str(50 + i)) for i in range(9)]
    _, found, _ = diagnosed(command, write_table("r.csv", rows))
    warnings = " | ".join(found["warnings"])
    assert "'a' has 36 texts, 'b' 4: accuracy alone hides the rare ones" in warnings
    assert "labels 'A' and 'a': did you mean one?" in warnings
    _, found, _ = diagnosed(command, write_table("r.csv", rows[1:9]))
    assert "all texts have one label" in found["warnings"][0]


def test_labels_that_a_bundle_surely_contradicts(command, here):
    bundle = opinion_bundle(temperature=0.5)
    bundle.seen = SeenSamples()
    save_bundle(bundle, Path("m.safetensors"))
    rows = [("good film one", "positive"), ("bad film two", "negative"), ("good", "negative"),
            ("good bad three", "negative"), ("bad bad bad", "positive")]  # fmt: skip
    table = write_table("r.csv", [(*row, str(i)) for i, row in enumerate(rows)])
    done = command("doctor", table, "--model", "m.safetensors", "--json", "found.json")
    found = json.loads(Path("found.json").read_text())["texts"]
    assert found_kinds(found)["suspect"] == ["3", "5"] and done.err == ""
    assert found["findings"][0]["reading"] == "positive"
    assert "'negative' is read as 'positive', 98.2 % sure" in found["findings"][0]["reason"]
    bundle = opinion_bundle(temperature=0.5)  # the recognizer has changed the other
    digests = [text_digest(text) for text, _ in rows[:2]]
    bundle.seen = SeenSamples().add("train", np.array(digests, np.uint64))
    save_bundle(bundle, Path("m.safetensors"))
    done = command("doctor", table, "--model", "m.safetensors")
    assert "news" in done.out and "2 of these 5 texts were in the bundle's training" in done.out


def test_misuse_is_told_in_one_line(command, here, bundle_file):
    table = write_table("r.csv", [(sentence(i), "ab"[i % 2], str(i)) for i in range(4)])
    save_bundle(opinion_bundle(), Path("m.safetensors"))
    wrong = {
        ("--model", bundle_file): "reads no texts with one label each; give a bundle such as revie",
        ("--model", "m.safetensors"): "2 labels that the bundle does not know, such as 'a', 'b'",
        ("--fix", "f.txt"): "--fix goes with text lines",
    }
    for options, message in wrong.items():
        done = command("doctor", table, *options)
        assert done.code == 2 and message in done.err and done.err.count("\n") == 1, done.err


def test_only_texts_are_taken_for_texts(command, here):
    """Neither the tables of lines and clips, nor a text beside films."""
    assert holds_reviews(write_table("r.csv", []))
    for label in ("pos", "neg"):
        Path("folders", label).mkdir(parents=True)
        Path("folders", label, "1.txt").write_text("so it is")
    assert holds_reviews(Path("folders"))
    write_image(Path("lines/a.png"), noise_line(0))
    Path("lines/a.gt.txt").write_text("ab")
    Path("films/notes").mkdir(parents=True)
    film("films/a.mp4", [0] * 3)
    Path("films/notes/readme.txt").write_text("filmed in May")
    Path("films/labels.csv").write_text("clip,text,label\na.mp4,hello,x\n")
    for path in ("lines", "films", "films/labels.csv", "films/a.mp4"):
        assert not holds_reviews(Path(path)), path
    done = command("doctor", "films", "--json", "found.json")
    assert set(json.loads(Path("found.json").read_text())) == {"videos"}
    diagnosed(command, "folders")
    assert set(json.loads(Path("found.json").read_text())) == {"texts"}
    done = command("doctor", "r.csv")
    assert done.code == 2 and "r.csv: no labelled text in it" in done.err
