"""Targets must fit into the steps that the encoder leaves, or there is no loss."""

from datasets.batch import collate
from datasets.source import SequenceDataset
from models import SequenceModel

NAMED = 3  # samples in a message
ADVICE = "widen the image, shorten the transcript or pool less"


def describe_shortage(name: str, required: int, steps: int) -> str:
    return f"{name}: the target needs {required} steps but the encoder leaves {steps}; {ADVICE}"


def check_some_target_fits(model: SequenceModel, data: SequenceDataset) -> None:
    """Raise ValueError if none of the samples can have a loss; reads them up to the first."""
    shortages = []
    for index in range(len(data)):
        batch = collate([data[index]])
        steps = int(model.encoder.output_lengths(batch.lengths)[0])
        required = int(model.head.required_steps(batch.targets, batch.target_lengths)[0])
        if required <= steps:
            return
        shortages.append(describe_shortage(data.names[index], required, steps))
    if shortages:
        first = "".join(f"\n  {text}" for text in shortages[:NAMED])
        raise ValueError(f"none of the {len(data)} training samples can have a loss{first}")
