"""The other side of `kraken_comparison`: run by a Python that has kraken, and by no other.

    PYTHON benchmarks/lines/kraken_worker.py JOB.json ANSWER.json

Trains kraken's default network by kraken's own trainer until the time is up, takes the weights of
the best validation (the last is at the end), and reads the test lines. A test line's transcript
file holds its number: kraken sorts a batch by width, and the number tells whose reading it is.
"""

import copy
import json
import sys
import time
from pathlib import Path

import lightning
import torch
from kraken.configs import (
    RecognitionInferenceConfig,
    VGSLRecognitionTrainingConfig,
    VGSLRecognitionTrainingDataConfig,
)
from kraken.lib.dataset import GroundTruthDataset, collate_sequences
from kraken.lib.util import parse_gt_path
from kraken.train import KrakenTrainer, VGSLRecognitionDataModule, VGSLRecognitionModel
from torch.utils.data import DataLoader

WARM_UP_LINES = 8


class Clock(lightning.Callback):
    """Lines and seconds of training, validation apart; and the weights of the best validation.

    validated: lines trained at the last validation.
    """

    def __init__(self) -> None:
        self.lines, self.seconds, self.best, self.weights = 0, 0.0, -1.0, None
        self.validated = 0
        self.accuracies: list[float] = []
        self.started = 0.0

    def on_train_batch_start(self, trainer, module, batch, batch_idx) -> None:
        self.started = self.started or time.perf_counter()  # waiting for the next batch counts

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        now = time.perf_counter()
        self.lines += len(batch["seq_lens"])
        self.seconds, self.started = self.seconds + now - self.started, now

    def on_validation_start(self, trainer, module) -> None:
        self.started = 0.0

    def on_validation_end(self, trainer, module) -> None:
        accuracy = float(trainer.callback_metrics["val_metric"])
        self.accuracies.append(accuracy)
        self.validated = self.lines
        if accuracy >= self.best:
            self.best, self.weights = accuracy, copy.deepcopy(module.net.state_dict())


def train(job: dict) -> tuple[VGSLRecognitionModel, VGSLRecognitionDataModule, Clock]:
    """kraken's defaults, but for the batch, the precision and the time."""
    data = VGSLRecognitionDataModule(
        VGSLRecognitionTrainingDataConfig(
            training_data=job["train"],
            evaluation_data=job["validation"],
            format_type="path",
            num_workers=1,
            batch_size=job["batch"],
        )
    )
    model = VGSLRecognitionModel(VGSLRecognitionTrainingConfig(batch_size=job["batch"]))
    clock = Clock()
    trainer = KrakenTrainer(
        accelerator="cpu",
        devices=1,
        precision=job["precision"],
        max_epochs=-1,
        min_epochs=0,
        max_time={"seconds": job["seconds"]},
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_summary=False,
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=1,  # and at the stop: any more and that validation may be left out
        callbacks=[clock],
    )
    trainer.fit(model, data)
    if clock.weights is not None:
        model.net.load_state_dict(clock.weights)
    return model, data, clock


def read(model, transforms, paths: list[str], job: dict) -> tuple[list[str], float]:
    """Texts in the order of the paths, and the seconds from files to texts."""
    lines = GroundTruthDataset(im_transforms=transforms)
    for path in paths:
        lines.add(line=parse_gt_path(path))
    lines.no_encode()
    loader = DataLoader(lines, job["batch"], num_workers=1, collate_fn=collate_sequences)
    net, decode = model.net.eval(), RecognitionInferenceConfig().decoder
    texts = [""] * len(paths)
    half = job["precision"].startswith("bf16")
    start = time.perf_counter()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        for batch in loader:
            logits, lengths = net(batch["image"], batch["seq_lens"])
            found = decode(logits.squeeze(2).float(), lengths)
            for place, labels in zip(batch["target"], found, strict=True):
                texts[int(place)] = "".join(letter[0] for letter in net.codec.decode(labels))
    return texts, time.perf_counter() - start


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    model, data, clock = train(job)
    transforms = data.train_set.dataset.transforms
    read(model, transforms, job["test"][:WARM_UP_LINES], job)
    texts, seconds = read(model, transforms, job["test"], job)
    answer = {
        "texts": texts,
        "reading_seconds": seconds,
        "lines_per_second": clock.lines / clock.seconds,
        "lines": clock.lines,
        "validated": clock.validated,
        "parameters": sum(p.numel() for p in model.net.parameters()),
        "accuracies": clock.accuracies,
        "height": model.height,
    }
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
