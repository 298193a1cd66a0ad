"""Files -> SequenceBatch: readers, vocabularies, augmentation, synthetic data.

Names are imported when they are first asked for: `predict` reads a line without Lightning or
Albumentations.
"""

from importlib import import_module

_HOMES = {
    "BleedThrough": "line_augmentation",
    "ClipReader": "clips",
    "Clips": "clip_source",
    "LineFolder": "lines",
    "LineReader": "line_reader",
    "Mixture": "mixture",
    "RealLines": "lines",
    "Reviews": "reviews",
    "SequenceBatch": "batch",
    "SequenceDataModule": "data_module",
    "Source": "source",
    "SyntheticClips": "synthetic_video",
    "SyntheticEvents": "synthetic_video",
    "SyntheticLines": "synthetic_lines",
    "SyntheticReviews": "synthetic_text",
    "SyntheticTags": "synthetic_text",
    "TextReader": "text",
    "UnevenPaper": "line_augmentation",
    "Vocabulary": "vocabulary",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'datasets' has no attribute '{name}'")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
