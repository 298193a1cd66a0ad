"""Runs of steps -> segments of a video, in seconds and frame numbers."""

import math
from collections.abc import Iterable

import numpy as np

LONE_SECONDS = 0.04  # a film of a single step says nothing of how long it lasts


def median_step(places: np.ndarray, lone: float = LONE_SECONDS) -> float:
    """How long a step lasts: (T,) times or numbers -> the median of their differences."""
    return float(np.median(np.diff(places))) if len(places) > 1 else lone


def end_of(times: np.ndarray, numbers: np.ndarray) -> tuple[float, int]:
    """Where the last of these steps (T,) ends: it lasts as long as the median one."""
    frame = int(numbers[-1]) + max(1, math.ceil(median_step(numbers, 1.0)))
    return float(times[-1]) + median_step(times), frame


def span(
    start: float, end: float, start_frame: int, end_frame: int, label: str, sure: float
) -> dict:
    """One segment as a record has it; the ends are exclusive."""
    return {
        "start": round(float(start), 3),
        "end": round(float(end), 3),
        "start_frame": int(start_frame),
        "end_frame": int(end_frame),
        "label": label,
        "confidence": round(sure, 4),
    }


def to_spans(
    runs: Iterable[tuple[int, int, str, float]], times: np.ndarray, numbers: np.ndarray
) -> list[dict]:
    """Runs (first step, end exclusive, label, confidence) -> segments.

    times, numbers: (T,) of the steps. Step i lasts until times[i + 1], the last the median step.
    """
    if not len(times):
        return []
    end, end_frame = end_of(times, numbers)
    seconds, frames = np.append(times, end), np.append(numbers, end_frame)
    return [
        span(seconds[start], seconds[end], frames[start], frames[end], label, sure)
        for start, end, label, sure in runs
    ]
