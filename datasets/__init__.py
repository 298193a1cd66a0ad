"""Files -> SequenceBatch: readers, vocabularies, augmentation, synthetic data.

Names are imported when they are first asked for: `predict` reads a line without Lightning or
Albumentations.
"""

from importlib import import_module

_HOMES = {
    "BleedThrough": "lines.augmentation",
    "ClipReader": "video.reader",
    "Clips": "video.source",
    "LineFolder": "lines.folders",
    "LineReader": "lines.reader",
    "Mixture": "mixture",
    "RealLines": "lines.source",
    "Reviews": "text.source",
    "SequenceBatch": "batch",
    "SequenceDataModule": "data_module",
    "Source": "source",
    "SyntheticClips": "video.synthetic",
    "SyntheticEvents": "video.synthetic",
    "SyntheticLines": "lines.synthetic.source",
    "SyntheticReviews": "text.synthetic",
    "SyntheticTags": "text.synthetic",
    "TextReader": "text.tokens",
    "UnevenPaper": "lines.augmentation",
    "Vocabulary": "vocabulary",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'datasets' has no attribute '{name}'")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
