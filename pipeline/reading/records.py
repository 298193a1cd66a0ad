"""A model's reading -> its confidence and the JSON record shown to the user."""

import math

import numpy as np

from models.heads.labels import Label, StepLabels, Text

from ..scoring.readings import segments, text_of
from ..scoring.temperature import decoder_name, string_confidence
from .bundle import Bundle
from .video.spans import segment_records

Reading = Text | Label | StepLabels


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
