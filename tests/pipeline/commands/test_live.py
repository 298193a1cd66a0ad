"""predict --live writes the segments of predict, each as soon as it ends."""

import io
import json
import os
import signal
import threading
import time
from argparse import Namespace
from contextlib import redirect_stderr, redirect_stdout

import pytest

from models import CTCHead
from pipeline.commands import live
from pipeline.commands.live import LabelledStep, SegmentTracker, run_live
from pipeline.parsing import StrictParser
from pipeline.reading.prediction import Recognizer
from tests.support.squares import LABELS, recognizer, write_squares


@pytest.fixture
def video(tmp_path) -> str:
    return write_squares(tmp_path / "video.mkv")


def run(reader: Recognizer, source: str, form: str = "jsonl", every: float | None = None):
    """Returns exit status, lines of standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run_live(reader, Namespace(live=source, format=form, output=None, every=every))
    return code, out.getvalue().splitlines(), err.getvalue()


@pytest.mark.parametrize("reading", [{}, {"rate_hz": 4.0}, {"crop": [0, 0.25, 0.5, 1]}])
def test_live_on_a_file_gives_the_segments_of_predict(reading, video):
    reader = recognizer(**reading)
    (record,) = reader.predict([video])
    code, lines, err = run(reader, video)
    assert (code, err) == (0, "")
    assert len(record["segments"]) > 4
    assert list(map(json.loads, lines)) == [{"input": video} | s for s in record["segments"]]
    assert record["segments"][-1]["end"] == pytest.approx(
        6.0, abs=0.11 if "rate_hz" in reading else 0
    )


def test_a_string_is_written_symbol_by_symbol(video):
    reader = recognizer(CTCHead)
    ((_, text, times, numbers, _),) = reader.answers([video])
    _, lines, _ = run(reader, video)
    segments = list(map(json.loads, lines))
    assert len(segments) > 4
    assert [s["label"] for s in segments] == [LABELS[i] for i in text.ids]
    assert [s["confidence"] for s in segments] == [round(c, 4) for c in text.confidences]
    assert [s["start_frame"] for s in segments] == [numbers[first] for first, _ in text.steps]
    assert [s["start"] for s in segments] == [round(times[first], 3) for first, _ in text.steps]


def test_text_lines_and_the_current_label_at_intervals(video):
    reader = recognizer()
    _, lines, _ = run(reader, video, "text", every=2.0)
    moments = [line.split("\t") for line in lines if "-" not in line.split("\t")[0]]
    assert [when for when, *_ in moments] == ["0.00", "2.00", "4.00"]
    (record,) = reader.predict([video])
    at = [next(s for s in record["segments"] if s["end"] > t) for t in (0, 2, 4)]
    assert [label for _, label, _ in moments] == [s["label"] for s in at]
    spans = [line for line in lines if "-" in line.split("\t")[0]]
    assert spans == [
        f"{s['start']:.2f}-{s['end']:.2f}\t{s['label']}\t{s['confidence']:.2f}"
        for s in record["segments"]
    ]


def test_a_pipe_is_labelled_while_it_is_written(tmp_path, monkeypatch):
    """The first segments are there before the writer has finished."""
    reader = recognizer()
    video = write_squares(tmp_path / "long.mkv", 200)  # FFmpeg looks at 5 s before it gives any
    _, expected, _ = run(reader, video)
    with open(video, "rb") as file:
        content = file.read()
    reading, writing = os.pipe()
    labelled, written = threading.Event(), []
    original = live.segment_record
    monkeypatch.setattr(live, "segment_record", lambda *a: labelled.set() or original(*a))

    def write() -> None:
        half = len(content) * 3 // 4
        with open(writing, "wb", buffering=0) as file:
            file.write(content[:half])
            written.append(labelled.wait(10))
            file.write(content[half:])

    thread = threading.Thread(target=write)
    thread.start()
    with open(reading, "rb") as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        code, lines, _ = run(reader, "-")
    thread.join()
    assert (code, written) == (0, [True])
    assert [line.replace('"-"', json.dumps(video)) for line in lines] == expected


@pytest.fixture
def handles_ctrl_c():
    """Handle Ctrl-C, which the children of a shell ignore if started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_writes_the_open_segment(video, monkeypatch, handles_ctrl_c):
    reader = recognizer()
    source = live.source_frames

    def endless(*arguments):
        yield from source(*arguments)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)  # a camera that shows nothing more

    _, expected, _ = run(reader, video)
    monkeypatch.setattr(live, "source_frames", endless)
    before = signal.getsignal(signal.SIGINT)
    started = time.monotonic()
    out = io.StringIO()
    options = Namespace(live=video, format="jsonl", output=None, every=None)
    with redirect_stdout(out), pytest.raises(KeyboardInterrupt, match=f"{len(expected)} records"):
        run_live(reader, options)
    assert out.getvalue().splitlines() == expected
    assert time.monotonic() - started < 10
    assert signal.getsignal(signal.SIGINT) is before


def test_a_source_that_breaks_off_is_labelled_up_to_there(video, monkeypatch):
    reader = recognizer()
    source = live.source_frames

    def broken(*arguments):
        yield from source(*arguments)
        raise OSError("rtsp://hall: connection lost")

    expected = run(reader, video)
    monkeypatch.setattr(live, "source_frames", broken)
    code, lines, err = run(reader, video)
    assert (code, lines) == (1, expected[1])
    assert err == "error: rtsp://hall: connection lost; it was read up to there\n"


def test_the_state_does_not_grow():
    tracker = SegmentTracker()
    ended = [
        s for i in range(9000) for s in tracker.add(LabelledStep("ab"[i // 2 % 2], 0.5, i / 10, i))
    ]
    assert len(tracker.recent) == live.MAX_RECENT < 9000
    assert len(ended) == 4499
    assert ended[1] == {
        "start": 0.2, "end": 0.4, "start_frame": 2, "end_frame": 4, "label": "b", "confidence": 0.5
    }  # fmt: skip


MISUSE = [
    ({"direction": "both"}, "video", "'both' must see the end.*train one"),
    ({"frames": 8}, "video", "spreads 8 frames over a whole clip; use one"),
    ({}, "/dev/video97", "/dev/video97: no such camera; here are: "),
    ({}, "no.mp4", r"no\.mp4: no such file"),
]


@pytest.mark.parametrize(("options", "source", "says"), MISUSE)
def test_a_source_without_frames_is_refused(options, source, says, video):
    with pytest.raises(ValueError, match=says):
        run(recognizer(**options), video if source == "video" else source)


@pytest.mark.parametrize(("form", "every", "says"), [("srt", None, "not srt"), ("text", 0, "--ev")])
def test_unusable_options_are_refused(form, every, says, video):
    with pytest.raises(ValueError, match=says):
        run(recognizer(), video, form, every)


def test_the_options_are_parsed():
    parser = StrictParser(prog="p", usage="u")
    live.add_live_options(parser)
    options = parser.parse_args(["--live", "rtsp://hall/1", "--every", "2"])
    assert (options.live, options.every) == ("rtsp://hall/1", 2.0)
    assert parser.parse_args([]).live is None
