"""Prediction: segments in seconds, long videos in chunks with the same result, failures."""

import csv
import io
import json
import threading
import time

import numpy as np
import pytest
import torch

from datasets.video.decoder import TimedFrame
from models import CTCHead, SequenceClassificationHead, TokenClassificationHead
from models.heads.labels import Label, StepLabels, Text
from pipeline.reading import prediction
from pipeline.reading.items import Answer, Item
from pipeline.reading.prediction import Recognizer
from pipeline.reading.records import reading_record
from pipeline.reading.video.chunks import JoinedReading, Prefetcher
from pipeline.reading.video.spans import segment_records
from tests.support.small import break_images, noise_line, tiny_bundle, write_image
from tests.support.squares import FRAMES, recognizer, write_squares

SIZE = 16


@pytest.fixture
def video(tmp_path) -> str:
    return write_squares(tmp_path / "video.mkv")


@pytest.fixture
def long(monkeypatch) -> None:
    """Limits so small that more than twenty frames are long, and five are a chunk."""
    monkeypatch.setattr(prediction, "LONG_BYTES", 20 * SIZE * SIZE)
    monkeypatch.setattr(prediction, "BATCH_BYTES", 5 * SIZE * SIZE)


def assert_same(actual: Answer, expected: Answer) -> None:
    """Equal answers, confidences up to 1e-4."""
    assert actual.name == expected.name and type(actual.reading) is type(expected.reading)
    np.testing.assert_array_equal(actual.times, expected.times)
    np.testing.assert_array_equal(actual.numbers, expected.numbers)
    for field, expected_field in zip(actual.reading, expected.reading, strict=True):
        if np.asarray(field).dtype == np.float64:
            np.testing.assert_allclose(field, expected_field, atol=1e-4)
        else:
            assert field == expected_field


HEADS = [TokenClassificationHead, CTCHead, SequenceClassificationHead]


@pytest.mark.parametrize("direction", ["forward", "both"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("options", [{}, {"rate_hz": 7.0}])
def test_a_long_video_is_read_as_a_short_one(head, direction, options, video, request):
    """The halo is wider than this video, so that even both directions are exact."""
    reader = recognizer(head, direction, **options)
    (short,) = reader.answers([video])
    request.getfixturevalue("long")
    (long,) = reader.answers([video])
    assert_same(long, short)
    assert len(short.times) == (42 if options else FRAMES)
    if head is not SequenceClassificationHead:
        assert len(set(map(str, short.reading.ids))) > 2


def test_long_and_short_videos_keep_their_order(tmp_path, long):
    reader = recognizer()
    lengths = [30, 8, 50, 12, 21, 20]
    given = [write_squares(tmp_path / f"{n}.mkv", n, seed=n) for n in lengths]
    answers = list(reader.answers([given[0], str(tmp_path / "no.mkv"), *given[1:]]))
    assert answers.pop(1).reading == f"{tmp_path}/no.mkv: no such file"
    assert [answer.name for answer in answers] == given
    assert [len(answer.times) for answer in answers] == lengths
    for answer in answers:
        assert_same(next(reader.answers([answer.name])), answer)


def test_features_beyond_the_bound_are_refused_for_one_label(video, long, monkeypatch):
    monkeypatch.setattr("pipeline.reading.video.streaming.FEATURE_BYTES", 30 * 20 * 4)
    (answer,) = recognizer(SequenceClassificationHead).answers([video])
    assert answer.reading.startswith(f"{video}: too long for a network that gives one label")
    (answer,) = recognizer(SequenceClassificationHead, frames=8).answers([video])
    assert isinstance(answer.reading, Label) and len(answer.times) == 8


def test_read_gives_pairs_and_items_may_load_clips(video):
    reader = recognizer()
    timed = Item("row 3", lambda: reader.bundle.reader.read_clip(video))
    untimed = Item("untimed", lambda: reader.bundle.reader.read(video))
    answer, without_times = reader.answers([timed, untimed])
    pair, _ = reader.read([timed, untimed])
    (expected,) = reader.answers([video])
    assert_same(answer._replace(name=video), expected)
    assert (without_times.reading.ids, *without_times[2:]) == (answer.reading.ids, None, None, ())
    assert pair == ("row 3", answer.reading)


def test_a_long_video_stops_once_it_is_not_wanted(long):
    reader = recognizer()
    ended, stopped = threading.Event(), threading.Event()

    def endless():
        try:
            for number in range(10**9):
                if number == 300:
                    stopped.set()
                yield TimedFrame(number / 10, number, np.zeros((1, SIZE, SIZE), np.uint8))
        finally:
            ended.set()

    with pytest.raises(InterruptedError, match=r"f\.mp4: stopped"):
        reader.read_long("f.mp4", endless(), stopped)
    assert ended.wait(5)  # and its file is closed


def test_leaving_early_stops_the_videos_being_read(video, monkeypatch):
    reader, events = recognizer(), []
    load = reader.load
    monkeypatch.setattr(reader, "load", lambda path, stop: events.append(stop) or load(path))
    answers = reader.answers([video, video])
    next(answers)
    assert not events[0].is_set()
    answers.close()
    assert events[0].is_set()


RUNS = [(0, 2, "in", 0.51239), (2, 3, "out", 0.5), (3, 5, "in", 1.0)]


def test_a_step_lasts_until_the_next_and_the_last_the_median_step():
    times = np.array([0.0, 0.1, 0.2, 1.0, 1.1])  # one long gap
    spans = segment_records(RUNS, times, np.array([0, 3, 6, 30, 33]))
    assert [list(span.values()) for span in spans] == [
        [0.0, 0.2, 0, 6, "in", 0.5124],
        [0.2, 1.0, 6, 30, "out", 0.5],
        [1.0, 1.2, 30, 36, "in", 1.0],
    ]
    assert list(spans[0]) == ["start", "end", "start_frame", "end_frame", "label", "confidence"]
    (alone,) = segment_records([(0, 1, "in", 1.0)], np.array([0.0]), np.array([0]))
    assert list(alone.values()) == [0.0, 0.04, 0, 1, "in", 1.0]
    assert segment_records([], np.array([]), np.array([])) == []


def test_a_record_of_steps_has_times_only_if_they_are_known():
    reader, reading = recognizer(), StepLabels([[0], [0], [2]], [0.5, 1.0, 0.25])
    timed = reading_record(reader.bundle, reading, np.array([0.0, 0.5, 1.0]), np.array([0, 12, 25]))
    assert timed["segments"][1] == {
        "start": 1.0, "end": 1.5, "start_frame": 25, "end_frame": 38, "label": "up",
        "confidence": 0.25,
    }  # fmt: skip
    assert reading_record(reader.bundle, reading)["segments"] == [
        {"start": 0, "end": 2, "label": "in", "confidence": 0.75},
        {"start": 2, "end": 3, "label": "up", "confidence": 0.25},
    ]


def test_chunks_of_a_string_are_joined_as_if_decoded_at_once():
    head = CTCHead(3, 4).eval()
    torch.manual_seed(2)
    logits = 3 * torch.randn(1, 40, 5).repeat_interleave(2, 1)
    whole = head.decode(logits, torch.tensor([80]))[0]
    for size in (1, 3, 80):
        joined = JoinedReading()
        for chunk in logits.split(size, 1):
            joined.add(head.decode(chunk, torch.tensor([chunk.shape[1]]))[0], chunk.shape[1])
        assert (joined.whole.ids, joined.whole.steps) == (whole.ids, whole.steps)
        np.testing.assert_allclose(joined.whole.confidences, whole.confidences, rtol=1e-5)
        assert joined.whole.confidence == pytest.approx(whole.confidence, rel=1e-4)
    assert len(whole.ids) > 10 and isinstance(whole, Text)


def test_equal_steps_share_one_list():
    joined = JoinedReading()
    for _ in range(3):
        joined.add(StepLabels([[1], [2], [1]], [0.5] * 3), 3)
    assert joined.whole.ids == [[1], [2], [1]] * 3
    assert len({id(step) for step in joined.whole.ids}) == 2


def test_the_prefetcher_is_bounded_in_order_and_ends_with_the_error():
    produced = []

    def items():
        for number in range(9):
            produced.append(number)
            yield number
        raise OSError("the disk is gone")

    with Prefetcher(items(), 2) as ahead:
        assert next(ahead) == 0
        time.sleep(0.2)
        assert len(produced) <= 4  # one taken, two in the queue, one about to be put
        taken: list[int] = []
        while len(taken) < 8:
            taken += ahead.take(3)
        assert taken == list(range(1, 9))
        with pytest.raises(OSError, match="the disk is gone"):
            next(ahead)
        assert ahead.take(1) is None


def test_taking_from_the_prefetcher_may_time_out():
    gate = threading.Event()

    def items():
        gate.wait(10)
        yield 1

    with Prefetcher(items(), 2) as ahead:
        assert ahead.take(3, timeout=0.05) == []
        gate.set()
        assert (ahead.take(3), ahead.take(3)) == ([1], None)


def test_a_clip_of_many_frames_is_a_batch_of_its_own():
    """75 frames of 64 x 48 exceed the bytes of a batch; none is left out."""
    batches = recognizer().batches({0: 230_400, 1: 230_400, 2: 40_000, 3: 40_000})
    assert sorted(map(sorted, batches)) == [[0], [1], [2, 3]]


def test_a_clip_alone_is_read_as_in_a_batch():
    reader = recognizer(direction="both")
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 256, (n, 1, SIZE, SIZE), np.uint8) for n in (1, 900, 31)]
    together = reader.infer(clips)
    for clip, reading in zip(clips, together, strict=True):
        (alone,) = reader.infer([clip])
        times = np.arange(len(clip), dtype=float)
        assert_same(Answer("", alone, times, times), Answer("", reading, times, times))


def test_a_batch_that_cannot_be_read_stops_no_other(tmp_path, monkeypatch):
    reader, infer = recognizer(), Recognizer.infer
    paths = [write_squares(tmp_path / f"{n}.mp4", n) for n in (20, 40, 60)]
    monkeypatch.setattr(prediction, "BATCH_BYTES", 1)  # each by itself

    def refuse(self, inputs):
        if len(inputs[0]) == 40:
            raise ValueError("too long")
        return infer(self, inputs)

    monkeypatch.setattr(Recognizer, "infer", refuse)
    first, second, third = reader.predict(paths)
    assert second == {"input": paths[1], "error": "too long"}
    assert first["segments"] and third["segments"]


@pytest.mark.parametrize("kind", ["text", "jsonl", "csv"])
@pytest.mark.parametrize("decoder", ["greedy", "beam"])
def test_where_all_inputs_fail_each_is_answered(command, bundle_file, tmp_path, kind, decoder):
    broken = break_images(tmp_path)
    given = ("predict", *broken, "--model", bundle_file, "--decoder", decoder, "--format", kind)
    code, out, err = command(*given)
    assert code == 1 and err.endswith("7 of 7 inputs failed\n")
    if kind == "text":
        errors = err.splitlines()
    elif kind == "jsonl":
        errors = [json.loads(line)["error"] for line in out.splitlines()]
    else:
        errors = [row["error"] for row in csv.DictReader(io.StringIO(out))]
    for path in broken:
        (reason,) = [error for error in errors if str(path) in error]
        assert len(reason) > len(f"error: {path}: ")
    assert sum(str(path) in out for path in broken) == 7


@pytest.mark.parametrize("good", [0, 2, 5])
def test_windows_of_only_failures_keep_the_order(expected, tmp_path, monkeypatch, good):
    monkeypatch.setattr("pipeline.reading.items.WINDOW", 2)
    given = [str(tmp_path / f"{number}.png") for number in range(6)]
    write_image(tmp_path / f"{good}.png", noise_line(good))
    records = list(expected.predict(given))
    assert [record["input"] for record in records] == given
    assert [i for i, record in enumerate(records) if "text" in record] == [good]
    assert all(r["error"] == f"{r['input']}: no such file" for r in records if "text" not in r)


def test_a_network_that_gives_nan_answers_with_an_error(tmp_path):
    """Not with a reading whose confidence would be no JSON."""
    bundle = tiny_bundle()
    bundle.model.head.linear.bias.data[0] = torch.nan
    path = str(write_image(tmp_path / "line.png", noise_line(0)))
    (record,) = Recognizer(bundle).predict([path])
    assert record.keys() == {"input", "error"}
    assert "the network's output is not a number (nan)" in record["error"]
