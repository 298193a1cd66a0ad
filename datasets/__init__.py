"""Turn files into batches: readers, vocabularies, augmentation, synthetic data; no networks.

Names are imported on first access, so that `predict` runs without importing Lightning or
Albumentations.
"""

import os
from importlib import import_module

from .limits.pixels import LIMIT, MAX_PIXELS

os.environ.setdefault(LIMIT, str(MAX_PIXELS))  # before anything here loads OpenCV

_MODULES = {
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
    "read_annotations": "video.annotations.files",
    "write_boris": "video.annotations.boris",
    "write_elan": "video.annotations.elan",
    "write_via": "video.annotations.via",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module 'datasets' has no attribute '{name}'")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
