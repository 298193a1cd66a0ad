"""The decoding benchmark: all contenders give the same pictures, and the table says what it was."""

import numpy as np
import pytest

from benchmarks.video import decoding as video_decoding
from benchmarks.video.decoding import Target, by_opencv, by_strand, filmed, main, measure, rows


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> str:
    return filmed(tmp_path_factory.mktemp("clips"), 1, frames=12)[0]


@pytest.mark.parametrize("size", [(160, 224), (48, 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_contenders_read_the_same_pictures(clip, size, channels):
    ours, theirs = (read(clip, size, channels) for read in (by_strand, by_opencv))
    assert ours.shape == theirs.shape == (12, channels, *size)
    assert ours.std() > 20  # pictures, not an even grey
    # grey: OpenCV's is computed from RGB that was rounded before
    assert np.abs(ours.astype(int) - theirs).mean() < (1.5 if channels == 1 else 0.1)


def test_a_contender_that_loses_frames_is_found_out(clip):
    contenders = {"Strand": by_strand, "hasty": lambda *a: by_strand(*a)[:-1]}
    with pytest.raises(ValueError, match=r"hasty gives \(11, 1, 48, 64\), not 12"):
        measure([(clip, (160, 224), 12)], Target(48, 64, 1), contenders, 1)


def test_the_ratio_is_to_the_fastest_other():
    speeds = {"Strand": [90, 80, 100], "OpenCV": [100, 50, 300], "torchcodec": [60, 70, 50]}
    differences = dict.fromkeys(speeds, 0.0)
    found = rows(Target(None, None, 3), speeds, differences)
    assert [row[4] for row in found] == ["0.90", "1.00", "0.60"]
    assert found[0] == ["full size RGB", "Strand", "90", "80-100", "0.90", "0.00"]


def test_one_table_comes_out(clip, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(video_decoding, "filmed", lambda folder, clips: [clip])
    monkeypatch.setattr(
        video_decoding,
        "readers",
        lambda: ({"Strand": by_strand, "OpenCV": by_opencv}, "torchcodec: missing (x)"),
    )
    main(["--repeats", "1"])
    printed = capsys.readouterr().out
    assert printed.count("Strand") == 4 and "1 clips, 12 frames" in printed
    assert "torchcodec: missing (x)" in printed
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path)])
