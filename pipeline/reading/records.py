"""What a reading says, as a user wants to know it."""

import math

import numpy as np

from models.heads.labels import Label, StepLabels, Text

from ..scoring.readings import segments, text_of
from ..scoring.temperature import string_confidence
from .bundle import Bundle
from .spans import to_spans

Reading = Text | Label | StepLabels


def confidence_of(bundle: Bundle, reading: Reading) -> float:
    """That the whole is right; of labelled steps, the mean of them."""
    if isinstance(reading, Text):
        decoder = "greedy" if bundle.decoder is None else "beam"
        sure = string_confidence(bundle.calibration, reading, decoder)
        if sure is not None:
            return sure
        # that each character is right; the probability of the one best path says far less, for
        # every step between two characters lowers it
        return math.prod(reading.confidences) if reading.ids else reading.confidence
    if isinstance(reading, Label):
        return reading.confidence
    return float(np.mean(reading.confidences)) if reading.confidences else 0.0


def record_of(
    bundle: Bundle,
    reading: Reading,
    times: np.ndarray | None = None,
    numbers: np.ndarray | None = None,
    accepted_from: float | None = None,
) -> dict:
    """The reading as JSON holds it. times, numbers: (T,) of a video's steps, seconds and places in
    the file; with times, segments are in seconds. accepted_from: strings of this confidence or more
    are told to be accepted.
    """
    labels, sure = bundle.labels, confidence_of(bundle, reading)
    if isinstance(reading, Text):
        told = {"text": text_of(reading, labels), "confidence": round(sure, 4)}
        return told if accepted_from is None else told | {"accepted": sure >= accepted_from}
    if isinstance(reading, Label):
        return {"label": labels[reading.id], "confidence": round(sure, 4)}
    runs = segments(reading, labels)
    if times is None:
        names = ("start", "end", "label", "confidence")
        told = [dict(zip(names, (*run[:3], round(run[3], 4)), strict=True)) for run in runs]
    else:
        told = to_spans(runs, times, numbers)
    return {"segments": told, "confidence": round(sure, 4)}
