"""Clips in two parts: the same film anew, and other films of the same scene."""

import cv2
import numpy as np

from pipeline.doctor.splits.clip_duplicates import find_similar_clips, fingerprint

ROOM = np.random.default_rng(0).integers(40, 200, (6, 8), dtype=np.uint8)
ROOM = cv2.resize(ROOM, (64, 48), interpolation=cv2.INTER_CUBIC)


def walk(seed: int, frames: int = 40) -> np.ndarray:
    """(T, 1, 48, 64): somebody walks through a room in front of a fixed camera."""
    rng = np.random.default_rng(seed)
    knots = np.linspace(0, frames - 1, 5)
    x = np.interp(np.arange(frames), knots, rng.uniform(4, 60, 5))
    y = np.interp(np.arange(frames), knots, rng.uniform(4, 44, 5))
    film = np.repeat(ROOM[None, None], frames, 0).copy()
    for frame, place in zip(film, zip(x, y, strict=True), strict=True):
        cv2.circle(frame[0], tuple(map(int, place)), 7, 255, -1)
    return film


def encoded_anew(film: np.ndarray) -> np.ndarray:
    """Half the size and back, darker, JPEG at a quality of 30."""
    out = []
    for (image,) in film:
        small = cv2.resize(image, (32, 24), interpolation=cv2.INTER_AREA)
        small = (0.9 * small + 5).astype(np.uint8)
        small = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 0)
        out.append(cv2.resize(small, (64, 48)))
    return np.stack(out)[:, None]


def test_a_clip_encoded_anew_is_found_and_others_of_the_camera_are_not():
    films = [walk(seed) for seed in range(12)] + [encoded_anew(walk(4))]
    names = [("train" if i < 8 else "test", f"{i}.mp4") for i in range(13)]
    (warning,) = find_similar_clips(names, films)
    assert warning == (
        "1 clip of test like one of train, frame by frame: 12.mp4 (4.mp4); remove them, or give "
        "both one group"
    )
    assert not list(find_similar_clips([("train", name) for _, name in names], films))
    assert not list(find_similar_clips([], []))


def test_still_clips_are_compared_by_what_they_show():
    other = np.random.default_rng(1).integers(40, 200, (6, 8), dtype=np.uint8)
    other = cv2.resize(other, (64, 48), interpolation=cv2.INTER_CUBIC)
    room = np.repeat(ROOM[None, None], 3, 0)
    films = [room, np.repeat(other[None, None], 5, 0), encoded_anew(room)]
    names = [("train", "a"), ("validation", "b"), ("test", "c")]
    (warning,) = find_similar_clips(names, films)
    assert "of test like one of train" in warning and ": c (a);" in warning
    assert not fingerprint(room)[2] and fingerprint(walk(0))[2]
