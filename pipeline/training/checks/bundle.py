"""Whether a network can be saved as a bundle, to know it before its training."""

import json
from pathlib import Path

import datasets
from datasets.source import Reader
from models import SequenceModel

from ...reading.bundle import Bundle, build_part, check_reader, contents
from ...reading.bundle_files import BEST


def check_savable(model: SequenceModel, labels: list[str], reader: Reader) -> None:
    """Raise ValueError unless a network and its reader can be saved as a bundle and loaded again.

    A part of one's own may keep its options under other names, or of types that are no JSON.
    """
    try:
        metadata, _ = contents(Bundle(model, labels, reader), Path(BEST))
        json.dumps(metadata)
        rebuilt = build_part(metadata["reader"], datasets, Reader, Path(BEST))
        check_reader(rebuilt, model, Path(BEST))
    except (TypeError, ValueError) as error:
        raise ValueError(f"this network cannot be saved as a bundle: {error}") from error
