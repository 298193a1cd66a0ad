"""evaluate on videos, with a recognizer of brightness instead of a network: known scores."""

import json
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
import torch

from datasets import ClipReader
from models import (
    CTCHead,
    FrameCNN,
    RecurrentStack,
    SequenceClassificationHead,
    TokenClassificationHead,
)
from models.heads.labels import Label, StepLabels, Text
from pipeline.commands.options import add_annotation_options, add_scored_label_options
from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.labelled import label_ids
from pipeline.evaluation.labelled_clips import labelled_clips
from pipeline.parsing import StrictParser
from pipeline.reading.bundle import Bundle, save_bundle
from pipeline.reading.inputs import expand_inputs
from pipeline.reading.items import Answer
from pipeline.reading.prediction import load_recognizer
from tests.support.networks import connect

GREY = {"d": 30, "b": 220}
LABELS = ["dark", "bright"]


def write_video(path: Path, frames: str) -> str:
    """Write a video of 10 Hz; "ddb" is two dark frames and a bright one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height = stream.width = 16
        stream.pix_fmt = "yuv420p"
        for letter in frames:
            image = np.full((16, 16, 3), GREY[letter], np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return str(path)


def write_rows(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


class Brightness:
    """Recognizer that classifies each frame, or the last one, by brightness; spells d and b."""

    def __init__(self, head, labels=LABELS, **options):
        self.bundle = Bundle(SimpleNamespace(head=head), labels, ClipReader(8, 8, **options))

    def answers(self, items):
        for path in items:
            try:
                clip = self.bundle.reader.read_clip(path)
            except (OSError, ValueError) as error:
                yield Answer(path, str(error))
                continue
            ids = [int(frame.mean() > 128) for frame in clip.frames]
            reading = StepLabels([[i] for i in ids], [1.0] * len(ids))
            if getattr(self.bundle.model.head, "multi_label", False):  # bright ones are both
                reading = reading._replace(ids=[[0, 1] if i else [0] for i in ids])
            if isinstance(self.bundle.model.head, SequenceClassificationHead):
                reading = Label(ids[-1], 1.0)
            elif isinstance(self.bundle.model.head, CTCHead):
                runs = [i for n, i in enumerate(ids) if n == 0 or i != ids[n - 1]]
                reading = Text(runs, [1.0] * len(runs), [(0, 0)] * len(runs), 1.0)
            yield Answer(path, reading, clip.times, clip.numbers)


def parsed(data, *arguments: str):
    parser = StrictParser()
    add_annotation_options(parser)
    add_scored_label_options(parser)
    parser.add_argument("--json", type=str | None)
    parser.add_argument("--group_pattern", default="(.+?)__")
    options = parser.parse_args(list(arguments))
    fixed = {"data": str(data), "model": "m", "ignore_case": False, "fold_punctuation": False}
    fixed |= {"config": None, "split": None, "include_seen": False}
    return SimpleNamespace(**vars(options), **fixed)


@pytest.fixture
def scored(tmp_path, capsys):
    """(recognizer, data, arguments) -> exit code, scores in the file, standard output, error."""

    def run(recognizer, data, *arguments: str):
        file = tmp_path / "scores.json"
        code = evaluate(recognizer, parsed(data, *arguments, "--json", str(file)))
        out = capsys.readouterr()
        return code, json.loads(file.read_text()), out.out, out.err

    return run


def steps_head() -> TokenClassificationHead:
    return TokenClassificationHead(1, 2)


@pytest.fixture
def table(tmp_path) -> Path:
    """Annotations in frames: one frame of the first video is read wrong; the second has a part
    without a label and one to ignore.
    """
    write_video(tmp_path / "a.mp4", "ddddbbbbdddd")
    write_video(tmp_path / "b.mp4", "bbbbbbdd")
    rows = ["a.mp4,0,5,dark,p", "a.mp4,5,8,bright,p", "a.mp4,8,12,dark,p"]
    rows += ["b.mp4,0,3,bright,q", "b.mp4,5,6,nothing,q", "b.mp4,6,8,dark,q"]
    return write_rows(tmp_path / "t.csv", "clip,start_frame,end_frame,label,group", *rows)


def test_step_scores_against_values_computed_by_hand(scored, table):
    code, values, out, err = scored(Brightness(steps_head()), table, "--ignore", "nothing")
    assert (code, err) == (0, "")
    assert values["frame_accuracy"] == pytest.approx(100 * 16 / 17)
    # bright: 3 + 3 of 6; dark: 4 of 5, 4 of 4, 2 of 2
    assert values["mean_class_accuracy"] == pytest.approx(100 * (1 + 10 / 11) / 2)
    assert values["edit"] == values["f1@10"] == values["f1@50"] == 100
    assert values["boundary_error_s"] == pytest.approx((0.1 + 0.0) / 2)
    assert (values["boundaries_missed"], values["n"]) == (0, 2)
    assert "over 2 groups" in out and "2 clips, " in out and "2 true and 2 predicted" in out
    assert "edit 100.00 % as the mean over clips" in out
    table_lines = out[out.index("true / said") :].splitlines()
    assert [line.split() for line in table_lines[1:3]] == [
        ["dark", "10", "1", "90.9", "%"],
        ["bright", "0", "6", "100.0", "%"],
    ]


def test_annotations_in_seconds_and_a_frame_rate_give_the_same_targets(scored, table, tmp_path):
    rows = ["a.mp4,0.0,0.45,dark", "a.mp4,0.45,0.8,bright", "a.mp4,0.8,1.2,dark"]
    write_rows(tmp_path / "s.csv", "clip,start,end,label", *rows)
    _, values, _, err = scored(Brightness(steps_head()), tmp_path / "s.csv")
    assert err == f"{tmp_path}: passed over 1 video of no row in s.csv (b.mp4)\n"
    assert values["frame_accuracy"] == pytest.approx(100 * 11 / 12)
    # at 5 a second: frames 0 2 4 6 8 10, of which number 4 is wrong, and the change comes at 0.4
    _, values, _, err = scored(Brightness(steps_head(), rate_hz=5.0), tmp_path / "s.csv")
    assert values["frame_accuracy"] == pytest.approx(100 * 5 / 6)
    # one boundary predicted at 0.4 and true at 0.6, the other exact
    assert values["boundary_error_s"] == pytest.approx(0.1)


def test_background_labels_form_no_segments(scored, table):
    options = ("--ignore", "nothing", "--background", "dark")
    _, values, out, _ = scored(Brightness(steps_head()), table, *options)
    assert values["edit"] == 100 and "no segments: dark" in out
    assert values["f1@50"] == 100 and values["frame_accuracy"] == pytest.approx(100 * 16 / 17)
    (table.parent / "b.mp4").write_bytes(b"no video")  # one bright segment found, one missed
    _, values, _, _ = scored(Brightness(steps_head()), table, *options)
    assert values["edit"] == 50 and values["f1@50"] == pytest.approx(100 * 2 / 3)
    with pytest.raises(ValueError, match="--background grey: the bundle has no such label"):
        scored(Brightness(steps_head()), table, "--ignore", "nothing", "--background", "grey")


def test_an_unreadable_video_counts_as_wrong_in_all_its_expected_steps(scored, table):
    (table.parent / "b.mp4").write_bytes(b"no video")
    code, values, out, err = scored(Brightness(steps_head()), table, "--ignore", "nothing")
    assert code == 1 and "b.mp4" in err and "(counted as wrong)" in err
    assert values["frame_accuracy"] == pytest.approx(100 * 11 / 17)  # 5 of b's 8 steps have labels
    assert values["f1@50"] == pytest.approx(100 * 6 / (6 + 2)) and values["boundaries_missed"] == 0
    assert values["edit"] == pytest.approx(100 * 3 / 5)
    # at 5 a second: a is read as ddbbdd, true is dddbdd; b would have 0, 2 (bright), 6 (dark)
    slow = Brightness(steps_head(), rate_hz=5.0)
    _, values, _, _ = scored(slow, table, "--ignore", "nothing")
    assert values["frame_accuracy"] == pytest.approx(100 * 5 / 9)
    assert values["mean_class_accuracy"] == pytest.approx(100 * (1 / 3 + 4 / 6) / 2)
    (table.parent / "a.mp4").write_bytes(b"no video either")
    code, values, out, _ = scored(Brightness(steps_head()), table, "--ignore", "nothing")
    assert code == 1 and values["frame_accuracy"] == values["edit"] == values["f1@10"] == 0
    assert values["boundary_error_s"] is None and "boundary error undefined" in out


def test_annotations_past_the_end_of_a_clip_are_reported(scored, table):
    write_video(table.parent / "a.mp4", "dddd")
    code, values, _, err = scored(Brightness(steps_head()), table, "--ignore", "nothing")
    assert code == 0 and values["frame_accuracy"] == 100
    assert "a.mp4: 'bright' from frame 5 to 8" in err and "not scored from there on" in err


def test_unknown_labels_are_named_before_any_clip_is_read(table):
    (table.parent / "a.mp4").unlink()
    with pytest.raises(ValueError, match=r"t\.csv: labels that the bundle does not know: nothing"):
        labelled_clips(Brightness(steps_head()).bundle, parsed(table), ["test"])


@pytest.fixture
def folders(tmp_path) -> Path:
    for name, frames in (("dark/a__1", "bd"), ("dark/a__2", "bb"), ("bright/b__1", "db")):
        write_video(tmp_path / "clips" / f"{name}.mp4", frames)
    return tmp_path / "clips"


def test_a_folder_for_each_class(scored, folders):
    (folders / "bright" / "b__2.mp4").write_bytes(b"no video")
    head = SequenceClassificationHead(1, 2)
    code, values, out, err = scored(Brightness(head), folders)
    assert code == 1 and "b__2.mp4" in err and "(counted as wrong)" in err
    assert values["accuracy"] == 50 and values["mean_class_accuracy"] == 50
    assert set(values) == {"accuracy", "mean_class_accuracy", "ece", "n", "per_second"}
    assert "over 2 groups" in out and "4 clips, " in out  # a and b, before the __
    assert [line.split() for line in out[out.index("true / said") :].splitlines()[:3]] == [
        ["true", "/", "said", "dark", "bright", "unread", "right"],
        ["dark", "1", "1", "0", "50.0", "%"],
        ["bright", "0", "1", "1", "50.0", "%"],
    ]
    assert "over 4 groups" in scored(Brightness(head), folders, "--group_pattern", "(.*)")[2]
    with pytest.raises(ValueError, match="finds no group in bright"):
        scored(Brightness(head), folders, "--group_pattern", "x(.)")
    with pytest.raises(ValueError, match="--where a=b needs a table"):
        scored(Brightness(head), folders, "--where", "a=b")


def test_clip_labels_of_chosen_rows_and_columns(scored, folders):
    rows = ["dark/a__1.mp4,yes,dark,s", "dark/a__2.mp4,no,bright,s", "bright/b__1.mp4,yes,nope,t"]
    write_rows(folders / "t.csv", "clip,use,kind,scene", *rows)
    arguments = ("--column", "kind", "--where", "use=yes", "--group", "scene", "--ignore", "nope")
    head = SequenceClassificationHead(1, 2)
    code, values, out, err = scored(Brightness(head), folders / "t.csv", *arguments)
    assert (code, values["accuracy"], values["n"]) == (0, 100, 1)
    assert err == "1 clip with a label of --ignore; not scored\n"
    _, values, out, _ = scored(Brightness(head), folders / "t.csv", "--column", "kind", "--ignore",
                              "nope", "--group", "use")  # fmt: skip
    assert values["n"] == 2 and values["accuracy"] == 100 and "over 2 groups" in out
    with pytest.raises(ValueError, match="1 labels that the bundle does not know, such as 'nope'"):
        scored(Brightness(head), folders / "t.csv", "--column", "kind")


def test_transcripts_by_characters_and_by_words(scored, folders):
    rows = ["dark/a__1.mp4,bd", "dark/a__2.mp4,d", "bright/b__1.mp4,dbx"]
    write_rows(folders / "t.csv", "clip,text", *rows)
    code, values, out, err = scored(Brightness(CTCHead(1, 2), ["d", "b"]), folders / "t.csv")
    assert (code, err) == (0, "") and "compared after NFC" in out
    assert values["cer"] == pytest.approx(100 * (0 + 1 + 1) / 6)
    assert values["exact"] == pytest.approx(100 / 3) and values["n"] == 3
    rows = ["dark/a__1.mp4,bright dark", "dark/a__2.mp4,bright grey"]
    write_rows(folders / "t.csv", "clip,text", *rows)
    _, values, _, _ = scored(Brightness(CTCHead(1, 2)), folders / "t.csv")
    assert values["wer"] == 25 and values["exact"] == 50


def test_labels_and_transcripts_are_folded_as_in_training(scored, folders):
    rows = ['dark/a__1.mp4,"b\nd"', "dark/a__2.mp4,d\u00a0", "bright/b__1.mp4,d\tb"]
    write_rows(folders / "t.csv", "clip,text", *rows)
    recognizer = Brightness(CTCHead(1, 3), ["d", "b", " "])
    _, values, _, err = scored(recognizer, folders / "t.csv")
    assert values["n"] == 2 and "dark/a__1.mp4: a line break inside the transcript" in err
    assert "1 transcripts with tabs or unusual spaces (1 x U+0009)" in err
    assert label_ids(["caf\u00e9", "1"], ["1.0", "cafe\u0301"], "x") == [1, 0]


def test_data_that_does_not_fit_the_head_is_refused(folders, table):
    with pytest.raises(ValueError, match=r"no clip to score\n.*no segments"):
        labelled_clips(Brightness(steps_head()).bundle, parsed(folders), ["test"])
    with pytest.raises(ValueError, match=r"no clip to score\n.*no transcript"):
        labelled_clips(Brightness(CTCHead(1, 2)).bundle, parsed(table), ["test"])
    with pytest.raises(FileNotFoundError, match="no such data"):
        labelled_clips(Brightness(steps_head()).bundle, parsed(folders / "none"), ["test"])


def test_a_network_is_scored_on_what_it_reads(command, table, tmp_path):
    """The annotations equal the readings except in the first three frames of the first video."""
    torch.manual_seed(1)
    model = connect(
        1,
        2,
        lambda size: FrameCNN(size, [4, 4]),
        lambda size: RecurrentStack(size, 4, 1),
        TokenClassificationHead,
    )
    save_bundle(Bundle(model.eval(), LABELS, ClipReader(16, 16)), tmp_path / "b.safetensors")
    recognizer = load_recognizer(str(tmp_path / "b.safetensors"))
    rows = ["clip,start_frame,end_frame,label"]
    for name in ("a.mp4", "b.mp4"):
        ((_, reading),) = recognizer.read([str(table.parent / name)])
        ids = [step[0] for step in reading.ids]
        if name == "a.mp4":
            ids[:3] = [1 - i for i in ids[:3]]
        rows += [f"{name},{i},{i + 1},{LABELS[label]}" for i, label in enumerate(ids)]
    rows.append("b.mp4,8,9,shut")
    write_rows(table, *rows)
    options = ("evaluate", "--model", tmp_path / "b.safetensors", "--data", table)
    code, out, err = command(*options, "--ignore", "shut", "open", "--json", tmp_path / "s.json")
    values = json.loads((tmp_path / "s.json").read_text())
    assert code == 0 and "b.mp4: 'shut' from frame 8 to 9" in err and err.count("\n") == 1
    assert values["frame_accuracy"] == pytest.approx(100 * 17 / 20) and values["per_second"] > 0
    assert "frame_accuracy 85.00 %" in out and "f1@25 " in out


def test_several_labels_at_once_are_scored(scored, table, tmp_path):
    several = TokenClassificationHead(1, 2, multi_label=True)
    # of a: frames 4-7 are read bright too, 5-7 are; b cannot be read
    rows = ["a.mp4,0,12,dark", "a.mp4,5,8,bright", "gone.mp4,0,4,bright", "gone.mp4,2,4,dark"]
    write_rows(tmp_path / "m.csv", "clip,start_frame,end_frame,label", *rows)
    code, values, out, err = scored(Brightness(several), tmp_path / "m.csv")
    assert code == 1 and "gone.mp4: no such file (counted as wrong)" in err
    assert values["frame_accuracy"] == pytest.approx(100 * 23 / (24 + 8))
    dark, bright = 2 * 12 / (12 + 12 + 2), 2 * 3 / (3 + 4 + 4)
    assert values["mean_label_f1"] == pytest.approx(50 * (dark + bright))
    lines = {line.split()[0]: line.split()[1] for line in out.splitlines() if line[:1] in "db"}
    assert lines["dark"] == f"{100 * dark:.2f}" and lines["bright"] == f"{100 * bright:.2f}"


def test_times_of_another_unit_are_not_scored(scored, table, tmp_path):
    rows = ["a.mp4,0,500,dark", "a.mp4,500,1200,bright", "b.mp4,0,0.6,bright", "b.mp4,0.6,0.8,dark"]
    write_rows(tmp_path / "ms.csv", "clip,start,end,label", *rows)
    _, values, _, err = scored(Brightness(steps_head(), rate_hz=5.0), tmp_path / "ms.csv")
    assert values["frame_accuracy"] == 100 and "seem to be milliseconds" in err
    write_rows(tmp_path / "ms.csv", "clip,start,end,label", *rows[:2])
    with pytest.raises(ValueError, match=r"no clip fits its labels\n.*milliseconds"):
        scored(Brightness(steps_head(), rate_hz=5.0), tmp_path / "ms.csv")


def test_the_split_of_a_folder_of_splits_is_chosen(tmp_path):
    for split in ("train", "val"):
        (tmp_path / split / "dark").mkdir(parents=True)
        write_video(tmp_path / split / "dark" / f"{split}.mp4", "dddd")
    options = parsed(tmp_path)
    head = SequenceClassificationHead(1, 2)
    options.split = "validation"
    (item,) = labelled_clips(Brightness(head).bundle, options, ["test"]).items
    assert item.endswith("val/dark/val.mp4")
    options.split = "test"
    with pytest.raises(ValueError, match="has no test split; --split takes train, valid"):
        labelled_clips(Brightness(head).bundle, options, ["test"])


def test_predict_takes_a_folder_of_frames_as_one_clip(tmp_path):
    for clip, level in (("one", 10), ("two", 200)):
        (tmp_path / clip).mkdir()
        for number in (1, 2, 3):
            cv2.imwrite(str(tmp_path / clip / f"{number}.png"), np.full((8, 8), level, np.uint8))
    reader = Brightness(steps_head(), rate_hz=2.0)
    for given, names in ((tmp_path, ["one", "two"]), (tmp_path / "two", ["two"])):
        items = list(expand_inputs([str(given)], reader.bundle.reader))
        assert items == [str(tmp_path / name) for name in names]
    (answer,) = reader.answers(items)
    assert answer.reading.ids == [[1]] * 3 and answer.times.tolist() == [0, 0.5, 1]
