"""Notes on doubtful readings: upside down, on its side, several lines, unlike the training data."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from datasets import LineReader
from models.heads.labels import Text
from pipeline.reading.items import Item
from pipeline.reading.notes import PART, line_notes, mean_confidence, notes_record, window_notes
from pipeline.reading.prediction import load_recognizer
from tests.support.drawn_lines import draw, sentence

SERIF = str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf")


def reading(*confidences: float) -> Text:
    return Text([0] * len(confidences), list(confidences), [(0, 0)] * len(confidences), 0.1)


def columns(image: np.ndarray) -> np.ndarray:
    return LineReader().prepare(image)


def never(batch: list[np.ndarray]) -> list[Text]:
    raise AssertionError("no second reading is needed")


def unsure(batch: list[np.ndarray]) -> list[Text]:
    return [reading(0.3, 0.3, 0.3)] * len(batch)


def test_the_mean_is_geometric_and_nothing_read_is_no_certainty():
    assert mean_confidence(reading(0.9, 0.1)) == pytest.approx(0.3)
    assert mean_confidence(reading()) == 0


def test_only_doubtful_lines_are_looked_at():
    inputs = {0: columns(draw("one")), 1: columns(draw("two")), 2: columns(draw("three"))}
    readings = {0: reading(0.9, 0.95), 1: "broken", 2: reading(0.4, 0.5, 0.3)}
    with ThreadPoolExecutor(2) as pool:
        assert window_notes(pool, 2, unsure, inputs, readings) == {2: ("unlike the training data",)}
        assert window_notes(pool, 2, never, inputs, {0: readings[0]}) == {}


def test_doubtful_lines_are_shared_out_evenly():
    inputs = dict(enumerate([columns(draw(sentence(0)))] * 5))
    readings, sizes = dict.fromkeys(inputs, reading(0.4, 0.5, 0.3)), []
    with ThreadPoolExecutor(2) as pool:
        found = window_notes(pool, 2, lambda b: sizes.append(len(b)) or unsure(b), inputs, readings)
    assert sorted(sizes) == [2, 3] and list(found) == list(inputs)


def test_a_line_that_reads_well_when_turned_is_upside_down():
    image = columns(draw(sentence(0)))
    seen = []

    def sure(batch):
        seen.extend(batch)
        return [reading(0.95, 0.98, 0.9)]

    assert line_notes([(image, reading(0.5, 0.5, 0.5))], sure) == [("upside down",)]
    (part,) = seen
    assert len(part) == PART * image.shape[2] < len(image)
    turned = part[::-1, :, ::-1]
    assert any(np.array_equal(turned, image[i : i + len(part)]) for i in range(len(image)))
    assert line_notes([(image, reading(0.8, 0.8, 0.8))], sure) == [()]  # hardly better


def test_two_lines_and_a_line_on_its_side_are_noted_without_a_second_reading():
    above, below = draw(sentence(1)), draw(sentence(2))
    wide = min(above.shape[1], below.shape[1])
    two = np.vstack([above[:, :wide], below[:, :wide]])
    assert line_notes([(columns(two), reading(0.5, 0.4))], never) == [("several lines",)]
    side = np.ascontiguousarray(np.rot90(draw("the horses")))
    assert line_notes([(columns(side), reading(0.5))], never) == [("on its side",)]


def test_a_short_uncertain_reading_is_not_called_unlike_the_training_data():
    image = columns(draw("7"))
    assert line_notes([(image, reading(0.3))], unsure) == [()]
    assert line_notes([(image, reading())], unsure) == [("unlike the training data",)]


def test_a_reading_with_a_note_is_not_accepted():
    assert notes_record({"accepted": True}, ("several lines",)) == {
        "notes": ["several lines"], "accepted": False
    }  # fmt: skip
    assert notes_record({}, ("upside down",)) == {"notes": ["upside down"]}
    assert notes_record({"accepted": True}, ()) == {}


def printed(text: str) -> np.ndarray:
    """Dark on light (H, W) uint8, set in a serif face."""
    font = ImageFont.truetype(SERIF, 30)
    box = font.getbbox(text)
    image = Image.new("L", (box[2] + 14, 46), 235)
    ImageDraw.Draw(image).text((7, 3), text, 30, font=font)
    return np.asarray(image)


@pytest.mark.slow
def test_a_shipped_bundle_notes_what_is_wrong_and_nothing_else():
    recognizer = load_recognizer("lines-en")
    reader = recognizer.bundle.reader
    texts = ["the day began with heavy rain", "many people stayed at home", "until night fell"]
    images = [printed(text) for text in texts]

    def read(given: list[np.ndarray]) -> list[dict]:
        return list(recognizer.predict(Item("x", lambda i=i: reader.prepare(i)) for i in given))

    records = read(images)
    assert [record["text"] for record in records] == texts
    assert not any("notes" in record for record in records)
    for turns, note in ((2, "upside down"), (1, "on its side"), (3, "on its side")):
        turned = read([np.ascontiguousarray(np.rot90(image, turns)) for image in images])
        assert [record.get("notes") for record in turned] == [[note]] * 3
    wide = min(image.shape[1] for image in images)
    stacked = np.vstack([image[:, :wide] for image in images[:2]])
    assert read([stacked])[0]["notes"] == ["several lines"]


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["beam", "greedy"])
def test_a_shipped_bundle_reads_nothing_into_paper(tmp_path, decoder):
    recognizer = load_recognizer("lines-en")
    assert recognizer.bundle.decoder is not None
    if decoder == "greedy":
        recognizer.bundle.decoder = None
    paper = np.random.default_rng(0).normal(215, 4, (50, 700)).clip(0, 255).astype(np.uint8)
    ruled = paper.copy()
    ruled[40:42] = 90
    for number, image in enumerate((paper, ruled, np.full((50, 700), 255, np.uint8))):
        path = tmp_path / f"{number}.png"
        Image.fromarray(image).save(path)
        (record,) = recognizer.predict([str(path)])
        assert record["text"] == "" and record["confidence"] > 0.9 and "notes" not in record
