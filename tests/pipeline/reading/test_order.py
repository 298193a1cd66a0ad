"""Right-to-left lines end to end: drawn from left to right, trained, read in logical order."""

import json
import re
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets import LineReader
from models.heads.labels import Text
from pipeline.cli import main
from pipeline.doctor.line_files import ListedLine
from pipeline.doctor.line_suspects import LabelScorer
from pipeline.fitting.calibration import EvidenceRecognizer, collect_evidence, lines_to_data
from pipeline.reading.bundle import load_bundle
from pipeline.reading.decoding import read_lexicon
from pipeline.reading.order import logical_readings, network_texts, reorder_ids
from pipeline.reading.prediction import load_recognizer
from tests.support.small import LINES, write_lines

WORDS = ["שלוח", "אב", "בית", "תשל", "(חוב)"]
NUMBERS = ["12", "3.1", "231"]
CONFIG = LINES.replace("[4, 6, 5]", "[8, 16, 24]").replace("max_epochs: 1", "max_epochs: 20")
CONFIG = CONFIG.replace("hidden_size: 8", "hidden_size: 24").replace("[p0, p1]", "[p0]")


def glyph(symbol: str) -> np.ndarray:
    """A shape (16, 8) uint8 for each character; a space is white."""
    rng = np.random.default_rng(ord(symbol))
    shape = np.where(rng.random((4, 3)) < 0.5, 0, 255).astype(np.uint8)
    shape[rng.integers(4)] = 0
    ink = cv2.resize(shape, (6, 12), interpolation=cv2.INTER_NEAREST)
    return np.full((16, 8), 255, np.uint8) if symbol == " " else np.pad(
        ink, ((2, 2), (1, 1)), constant_values=255
    )  # fmt: skip


def shown(text: str) -> str:
    """What stands in the image from left to right: all turned, numbers as they are."""
    turned = text[::-1].translate(str.maketrans("()", ")("))
    return re.sub(r"\d[\d.]*", lambda number: number[0][::-1], turned)


def write_drawn_lines(root: Path, count: int) -> list[str]:
    rng = np.random.default_rng(0)
    root.mkdir()
    texts = [f"{rng.choice(WORDS)} {rng.choice(NUMBERS)} {rng.choice(WORDS)}" for _ in range(count)]
    for i, text in enumerate(texts):
        image = np.hstack([glyph(symbol) for symbol in shown(text)])
        cv2.imwrite(str(root / f"p{i % 6}__{i:03d}.png"), image)
        (root / f"p{i % 6}__{i:03d}.gt.txt").write_text(text + "\n", encoding="utf-8")
    return texts


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Path]:
    """A folder of lines, and the bundle that learnt five sixths of them."""
    root, before = tmp_path_factory.mktemp("hebrew"), signal.getsignal(signal.SIGINT)
    write_drawn_lines(root / "lines", 120)
    (root / "rtl.yaml").write_text(CONFIG, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("STRAND_RUN", raising=False)
        patch.setattr("sys.argv", ["run.py"])
        options = ["--model.learning_rate=0.01", "--model.warmup_steps=10", "--data.batch_size=8"]
        with pytest.raises(SystemExit) as stopped:
            main(["fit", "-c", "rtl.yaml", *options])
    signal.signal(signal.SIGINT, before)
    assert not stopped.value.code
    return root / "lines", root / "runs/rtl/best.safetensors"


def validation(lines: Path) -> tuple[list[str], list[str]]:
    images = sorted(lines.glob("p0__*.png"))
    texts = [p.with_suffix(".gt.txt").read_text(encoding="utf-8").strip() for p in images]
    return [str(image) for image in images], texts


def test_hebrew_is_read_as_it_was_written(trained, command):
    lines, bundle = trained
    images, texts = validation(lines)
    code, out, err = command("predict", *images, "--model", bundle, "--format", "jsonl")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0, err
    assert [record["text"] for record in records] == texts
    command(
        "evaluate",
        "--model",
        bundle,
        "--data",
        lines,
        "--include_seen",
        "--json",
        lines.parent / "scores.json",
    )
    assert json.loads((lines.parent / "scores.json").read_text())["cer"] < 2
    # the first characters that are read stand at the right
    (_, reading), *_ = load_recognizer(str(bundle)).read(images)
    assert reading.steps[0] > reading.steps[-1] and len(reading.confidences) == len(texts[0])


def test_the_bundle_says_its_order(trained, bundle_file):
    assert load_bundle(str(trained[1])).reader.order == "visual"
    assert load_bundle(str(bundle_file)).reader.order == "logical"  # no right-to-left letters


def test_alternatives_and_the_language_model_keep_the_order(trained, command):
    lines, bundle = trained
    images, texts = validation(lines)
    code, out, err = command(
        "predict", images[0], "--model", bundle, "--format", "jsonl", "--n_best", "2"
    )
    assert code == 0, err
    assert json.loads(out)["alternatives"][0]["text"] == texts[0] == json.loads(out)["text"]
    words, book, fitted = (lines.parent / name for name in ("w.txt", "b.txt", "lm.safetensors"))
    words.write_text("\n".join(WORDS), encoding="utf-8")
    book.write_text("\n".join(texts), encoding="utf-8")
    few = lines.parent / "few"  # weighing takes time
    few.mkdir()
    for image in map(Path, images[:2]):
        for file in (image, image.with_suffix(".gt.txt")):
            (few / file.name).write_bytes(file.read_bytes())
    code, out, err = command(
        "language_model", "--model", bundle, "--texts", book, "--data", few, "--order", 3,
        "--lexicon", words, "--output", fitted,
    )  # fmt: skip
    assert code == 0, err
    search = load_bundle(str(fitted)).decoder
    assert "בא" in search.lexicon and "אב" not in search.lexicon  # as the network spells it
    bits = float(re.search(r"([\d.]+) bits a symbol", out)[1])
    assert bits < 2, "a model of the other order does not know these lines"
    code, out, err = command("predict", *images, "--model", fitted, "--format", "jsonl")
    assert [json.loads(line)["text"] for line in out.splitlines()] == texts


def test_labels_are_scored_in_the_order_of_the_network(trained):
    lines, bundle = trained
    images, texts = validation(lines)
    listed = [ListedLine(i, i, t, "g", "f", "f", "") for i, t in zip(images, texts, strict=True)]
    readings = LabelScorer(load_recognizer(str(bundle))).read(listed)
    assert [reading.text for reading in readings] == texts
    assert max(abs(reading.margin) for reading in readings) < 0.01
    recognizer = EvidenceRecognizer(load_bundle(str(bundle)))
    data = lines_to_data(images, texts, recognizer.bundle.labels)
    evidence = collect_evidence(recognizer, data)
    assert evidence.correct.all() and evidence.evidence.correct.all()
    assert evidence.evidence.scores.min() > -8  # in the wrong order, far below -20


def test_confidences_and_steps_follow_their_characters():
    labels = list("אב12()")
    steps = [(0, 0), (1, 2), (3, 3), (5, 5)]
    seen = Text([5, 1, 0, 4], [0.5, 0.9, 0.8, 0.4], steps, 0.2, [([1, 0], 1.0)])
    assert [labels[i] for i in seen.ids] == [")", "ב", "א", "("]
    (read,) = logical_readings([seen], labels, LineReader(order="visual"))
    # the bracket at the right opens, and is drawn as the one that closes in Latin text
    assert "".join(labels[i] for i in read.ids) == ")אב("
    assert read.confidences == [0.4, 0.8, 0.9, 0.5] and read.steps == seen.steps[::-1]
    assert read.alternatives == [([0, 1], 1.0)] and read.confidence == 0.2
    assert logical_readings([seen], labels, LineReader()) == [seen]
    assert reorder_ids([0, 1, 4], list("אב12(")) == ([4, 1, 0], [2, 1, 0])  # no label to mirror to


def test_texts_and_lexicons_are_turned_for_the_network(tmp_path):
    reader = LineReader(order="visual")
    assert network_texts(["אב 12", "ab"], reader) == ["12 בא", "ab"]
    assert network_texts(["אב 12"], LineReader()) == ["אב 12"]
    (tmp_path / "words.txt").write_text("אב ab", encoding="utf-8")
    assert read_lexicon(tmp_path / "words.txt", list("אבab"), reader) == {"בא", "ab"}


def test_a_checkpoint_without_an_order_goes_on(folder, command):
    write_lines(*["ab"] * 4)
    code, _, err = command("fit", "-c", "lines.yaml")
    assert code == 0, err
    path = "runs/lines/checkpoints/last.ckpt"
    checkpoint = torch.load(path, weights_only=False)
    del checkpoint["reader"]["options"]["order"]  # as older versions wrote it
    torch.save(checkpoint, path)
    again = ("fit", "-c", "runs/lines/config.yaml", "--ckpt_path", path, "--trainer.max_epochs=2")
    code, _, err = command(*again)
    assert code == 0, err
    code, _, err = command(*again, "--data.source.order=visual")
    assert code == 2 and "'order': 'visual'" in err
