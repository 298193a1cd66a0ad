"""A model's reading -> its confidence and the JSON record shown to the user."""

import math
from collections.abc import Iterable

import numpy as np

from models.heads.labels import Label, StepLabels, Text

from ..scoring.readings import segments, text_of
from ..scoring.temperature import decoder_name, string_confidence
from .bundle import Bundle

Reading = Text | Label | StepLabels
LONE_SECONDS = 0.04  # assumed duration of a video with a single step


def reading_confidence(bundle: Bundle, reading: Reading) -> float:
    """Probability that the whole reading is correct; for step labels the mean over the steps."""
    if isinstance(reading, Text):
        confidence = string_confidence(bundle.calibration, reading, decoder_name(bundle.decoder))
        if confidence is not None:
            return confidence
        # without calibration, the product over the characters: the probability of the best path is
        # a worse estimate, lowered by every step between two characters
        return math.prod(reading.confidences) if reading.ids else reading.confidence
    if isinstance(reading, Label):
        return reading.confidence
    return float(np.mean(reading.confidences)) if reading.confidences else 0.0


def reading_record(
    bundle: Bundle,
    reading: Reading,
    times: np.ndarray | None = None,
    numbers: np.ndarray | None = None,
    accepted_from: float | None = None,
) -> dict:
    """A reading as a JSON-serializable record.

    times, numbers: (T,) seconds and frame numbers of a video's steps; with times, segments are in
    seconds. accepted_from: if given, strings get `accepted`: whether their confidence reaches it.
    """
    labels, confidence = bundle.labels, reading_confidence(bundle, reading)
    if isinstance(reading, Text):
        record = {"text": text_of(reading, labels), "confidence": round(confidence, 4)}
        marked = accepted_from is not None
        return record | {"accepted": confidence >= accepted_from} if marked else record
    if isinstance(reading, Label):
        return {"label": labels[reading.id], "confidence": round(confidence, 4)}
    runs = segments(reading, labels)
    if times is None:
        names = ("start", "end", "label", "confidence")
        spans = [dict(zip(names, (*run[:3], round(run[3], 4)), strict=True)) for run in runs]
    else:
        spans = segment_records(runs, times, numbers)
    return {"segments": spans, "confidence": round(confidence, 4)}


def median_step(places: np.ndarray, lone: float = LONE_SECONDS) -> float:
    """Median difference of the (T,) times or frame numbers of steps; `lone` if T is 1."""
    return float(np.median(np.diff(places))) if len(places) > 1 else lone


def end_of_last_step(times: np.ndarray, numbers: np.ndarray) -> tuple[float, int]:
    """End (seconds, frame number, exclusive) of the last of the steps (T,).

    The last step is taken to last as long as the median step.
    """
    frame = int(numbers[-1]) + max(1, math.ceil(median_step(numbers, 1.0)))
    return float(times[-1]) + median_step(times), frame


def segment_record(
    start: float, end: float, start_frame: int, end_frame: int, label: str, sure: float
) -> dict:
    """One segment as a record holds it: ends are exclusive, `sure` is its confidence."""
    return {
        "start": round(float(start), 3),
        "end": round(float(end), 3),
        "start_frame": int(start_frame),
        "end_frame": int(end_frame),
        "label": label,
        "confidence": round(sure, 4),
    }


def segment_records(
    runs: Iterable[tuple[int, int, str, float]], times: np.ndarray, numbers: np.ndarray
) -> list[dict]:
    """Convert runs (first step, end exclusive, label, confidence) to segments of a video.

    times, numbers: (T,) of the steps. Step i lasts until times[i + 1], the last one as long as the
    median step.
    """
    if not len(times):
        return []
    end, end_frame = end_of_last_step(times, numbers)
    seconds, frames = np.append(times, end), np.append(numbers, end_frame)
    return [
        segment_record(seconds[start], seconds[end], frames[start], frames[end], label, confidence)
        for start, end, label, confidence in runs
    ]
