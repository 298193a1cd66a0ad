"""Video overlays: the times of the source, fixed colours, readable text."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.heads.labels import Text
from pipeline.reading.bundle import save_bundle
from pipeline.writing import lettering, overlay
from pipeline.writing.lettering import draw_text, shorten, text_width, wrap
from pipeline.writing.overlay import Painter, Word, timed_words, write_overlay
from pipeline.writing.palette import BASE, palette, rgb
from tests.support.screen import clip_bundle, even, plain, read_film, write_film

SEGMENTS = [
    {"start": 0.0, "end": 0.5, "label": "walk", "confidence": 0.9},
    {"start": 0.5, "end": 1.0, "label": "sit", "confidence": 0.4},
]
RECORD = {"segments": SEGMENTS, "confidence": 0.7}
LABELS = ["walk", "sit"]


def near(pixel: np.ndarray, colour: str) -> bool:
    return bool(np.abs(pixel.astype(int) - rgb(colour)).max() < 40)


def test_the_copy_has_the_times_of_the_source(tmp_path):
    times = [0.0, 0.04, 0.1, 0.333, 0.334, 0.9, 1.7]
    source = write_film(tmp_path / "a.mp4", [plain(90)] * 7, times)
    write_overlay(source, tmp_path / "out.mp4", RECORD, LABELS)
    copy = read_film(tmp_path / "out.mp4")
    assert [round(seconds, 4) for seconds, _ in copy] == times
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("size", "shown"), [((96, 128), (288, 384)), ((49 * 2, 322), (98, 322)), ((36, 64), (180, 320))]
)
def test_small_videos_are_enlarged_and_sides_are_even(tmp_path, size, shown):
    source = write_film(tmp_path / "a.mp4", [plain(90, *size)] * 2, even(2))
    write_overlay(source, tmp_path / "out.mp4", RECORD, LABELS)
    assert read_film(tmp_path / "out.mp4")[0][1].shape == (*shown, 3)


def test_the_label_of_the_time_is_shown_and_the_cursor_moves(tmp_path):
    source = write_film(tmp_path / "a.mp4", [plain(90, 240, 320)] * 10, even(10, 0.1))
    write_overlay(source, tmp_path / "out.mp4", RECORD, LABELS)
    colours = palette(LABELS)
    cursors = []
    for seconds, image in read_film(tmp_path / "out.mp4"):
        square = image[15, 13]  # a pixel of it, at the top left
        assert near(square, colours["walk" if seconds < 0.5 else "sit"])
        row = image[-5].astype(int)
        assert near(row[100], colours["walk"]) or seconds == 0.3  # the cursor is there
        assert near(row[300], colours["sit"])
        cursors.append(int(row.min(1).argmax()))  # the whitest column
    assert np.abs(np.array(cursors[1:]) - np.arange(32, 320, 32)).max() <= 2


def test_a_clips_label_is_a_banner_and_its_bar_is_its_confidence():
    image = plain(128, 240, 320)
    record = {"label": "sit", "confidence": 0.5}
    Painter(record, LABELS, 240, 320).draw(image, 3.0)
    bar = image[30]  # through the confidence bar, which is a third of the width at 1
    filled = [near(pixel, palette(LABELS)["sit"]) for pixel in bar]
    assert sum(filled) == pytest.approx(0.5 * 320 / 3, abs=2)
    assert (image[-20:] == 128).all()  # no timeline


def test_words_turn_white_when_they_begin():
    words = [Word("one", 0.0), Word("two", 1.0)]
    painter = Painter({"text": "one two", "confidence": 1.0}, ["x"], 240, 320, words)
    before, after, whole = (plain(0, 240, 320) for _ in range(3))
    painter.draw(before, 0.5)
    painter.draw(after, 1.5)
    Painter({"text": "one two", "confidence": 1.0}, ["x"], 240, 320).draw(whole, 0.0)
    assert before[:, :160].max() == after[:, :160].max() == 255
    assert 120 < before[:, 160:].max() < 180 and after[:, 160:].max() == 255
    assert (whole == after).all() and not before[:100].any()


def test_words_begin_at_the_step_of_their_first_symbol():
    times = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    steps = [(0, 0), (1, 1), (2, 2), (4, 4)]
    text = Text([0, 1, 2, 0], [1.0] * 4, steps, 1.0)
    assert timed_words(text, times, ["a", "b", " "]) == [Word("ab", 0.0), Word("a", 2.0)]
    words = timed_words(Text([0, 1], [1.0] * 2, [(1, 1), (3, 3)], 1.0), times, ["bin", "blue"])
    assert words == [Word("bin", 0.5), Word("blue", 1.5)]


def test_an_overlay_that_cannot_be_made_leaves_nothing(tmp_path):
    source = write_film(tmp_path / "a.mp4", [plain(90)] * 3, even(3))
    with pytest.raises(ValueError, match=r"written as \.mp4, \.mov, \.mkv"):
        write_overlay(source, tmp_path / "out.txt", RECORD, LABELS)
    with pytest.raises(ValueError, match="the input itself"):
        write_overlay(source, Path(source), RECORD, LABELS)
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    with pytest.raises(ValueError, match=r"bad\.mp4"):
        write_overlay(str(tmp_path / "bad.mp4"), tmp_path / "out.mp4", RECORD, LABELS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "bad.mp4"]


def test_another_encoder_is_taken_where_h264_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(overlay, "ENCODERS", (("no-such", {}), overlay.ENCODERS[1]))
    source = write_film(tmp_path / "a.mp4", [plain(90)] * 4, [0.0, 0.1, 0.15, 0.5])
    write_overlay(source, tmp_path / "out.mp4", RECORD, LABELS)
    assert [round(s, 3) for s, _ in read_film(tmp_path / "out.mp4")] == [0.0, 0.1, 0.15, 0.5]
    monkeypatch.setattr(overlay, "ENCODERS", (("no-such", {}),))
    with pytest.raises(ValueError, match="none of no-such"):
        write_overlay(source, tmp_path / "other.mp4", RECORD, LABELS)


def test_frames_are_drawn_one_by_one(tmp_path, monkeypatch):
    source = write_film(tmp_path / "a.mp4", [plain(90)] * 60, even(60))
    pending, max_pending = 0, 0
    real = overlay.decode_video

    def counted(*arguments):
        nonlocal pending, max_pending
        for frame in real(*arguments):
            pending += 1
            max_pending = max(max_pending, pending)
            yield frame
            pending -= 1

    monkeypatch.setattr(overlay, "decode_video", counted)
    write_overlay(source, tmp_path / "out.mp4", RECORD, LABELS)
    assert max_pending == 1 and len(read_film(tmp_path / "out.mp4")) == 60


@pytest.mark.parametrize("head", ["steps", "clip", "text"])
def test_predict_burns_what_it_reads(command, tmp_path, head):
    bundle = tmp_path / "b.safetensors"
    save_bundle(clip_bundle(head), bundle)
    frames = [plain(10)] * 6 + [plain(250)] * 6
    for name in "a", "b":
        write_film(tmp_path / "films" / f"{name}.mp4", frames, even(12))
    options = ("--model", bundle, "--overlay")
    code, out, _ = command("predict", tmp_path / "films", *options, tmp_path / "out")
    assert code == 0 and out.count("\n") == 2
    copy = read_film(tmp_path / "out" / "b.mp4")
    assert len(copy) == 12
    assert copy[1][1].std() > 5  # the frame itself is uniformly grey
    single = tmp_path / "films" / "a.mp4"
    assert command("predict", single, *options, tmp_path / "o.mp4").code == 0
    assert (tmp_path / "o.mp4").exists()


def test_a_copy_that_cannot_be_written_stops_no_other(command, tmp_path):
    save_bundle(clip_bundle("clip"), tmp_path / "b.safetensors")
    for name in "a", "b":
        write_film(tmp_path / "films" / f"{name}.mp4", [plain(10)] * 3, even(3))
    (tmp_path / "out" / "a.mp4").mkdir(parents=True)  # a folder where the copy should go
    options = ("--model", tmp_path / "b.safetensors", "--overlay")
    code, out, err = command("predict", tmp_path / "films", *options, tmp_path / "out")
    assert code == 1 and out.count("\tdark") == 2 and "out/a.mp4" in err
    assert len(read_film(tmp_path / "out" / "b.mp4")) == 3
    single = tmp_path / "films" / "a.mp4"
    code, out, err = command("predict", single, *options, tmp_path / "o.txt")
    assert (code, out) == (2, "") and "written as .mp4" in err


def test_letters_are_white_with_a_dark_edge_on_any_ground():
    for ground in (0, 128, 255):
        image = plain(ground, 60, 200)
        draw_text(image, "walk", 10, 15, 20, 180)
        assert image.max() == 255 and image.min() < 10
        columns = np.flatnonzero((image != ground).any((0, 2)))
        assert columns[0] >= 7 and columns[-1] <= 10 + text_width("walk", 20) + 5


def test_text_at_the_borders_is_cut_and_never_fails():
    for left, top in ((-30, -10), (190, 50), (500, 500), (0, -200)):
        draw_text(plain(128, 60, 200), "walking", left, top, 20, 180)


def test_long_text_ends_in_dots_and_long_rows_are_broken():
    cut = shorten("a very long label that has no room at all", 20, 150)
    assert cut.endswith("...")
    assert text_width(cut, 20) <= 150 < text_width(cut[:-3] + "very", 20) + 40
    assert shorten("short", 20, 150) == "short"
    rows = wrap(["one", "two", "three", "four", "five"], 20, 150)
    assert sum(map(len, rows)) == 5 and len(rows) > 1
    assert all(row[0].start == 0 and row[-1].end <= 150 for row in rows)


def test_masks_of_text_are_cached(monkeypatch):
    lettering.text_mask.cache_clear()
    drawn = []
    real = cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda *a: drawn.append(a[1]) or real(*a))
    for _ in range(5):
        draw_text(plain(0, 60, 200), "again", 5, 15, 20, 180)
    assert drawn == ["again"]


def test_a_label_keeps_its_colour_and_no_two_are_alike():
    labels = [f"label {i}" for i in range(33)]
    colours = palette(labels)
    assert len(set(colours.values())) == 33
    assert colours["label 3"] == palette(labels[:5])["label 3"]


def test_the_first_colours_differ_for_the_colour_blind_too():
    # Machado et al. 2009, severity 1, on linear RGB: protanopia, deuteranopia, tritanopia
    views = np.array([
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]],
    ])  # fmt: skip
    colours = np.array([rgb(colour) for colour in BASE[:8]]) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    for view in views:
        seen = (linear @ view.T).clip(0, 1)
        srgb = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
        lab = cv2.cvtColor(srgb[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
        distances = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1000 * np.eye(8)
        assert distances.min() > 10  # CIE 1976; about 2.3 is just noticeable
