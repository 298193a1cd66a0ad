"""Training loops that people write by hand, for benchmarks/reviews/speed.py, each in a process.

    python -m benchmarks.reviews.loops LOOP --arrays FILE.npz --seconds 60

LOOP trains one layer of a BiLSTM on arrays of word ids, and the last line printed is JSON: the
reviews per second after a warm-up. Batching, padding and the optimizer's step are inside the time.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models import RecurrentStack

EMBEDDING = HIDDEN = 128
TOKENS, BATCH = 400, 64
WARM_UP_STEPS = 10  # the first step of each length prepares oneDNN's kernels
WINDOW = 50  # batches' worth of reviews that are sorted together by length

Precision = Literal["float32", "bfloat16"]


class Reviews(NamedTuple):
    """N tokenised reviews: ids (sum of lengths,) from 1 up, lengths (N,), labels (N,); rows: ids
    of the table, 0 (padding) included.
    """

    ids: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    rows: int


def save_reviews(path: Path, reviews: Reviews) -> None:
    np.savez(path, **reviews._asdict())


def load_reviews(path: Path) -> Reviews:
    with np.load(path) as arrays:
        return Reviews(arrays["ids"], arrays["lengths"], arrays["labels"], int(arrays["rows"]))


def tokens_of(config: Path, root: Path) -> Reviews:
    """The training reviews of a config's source, as the networks read them."""
    source = source_of(config, root)
    train = source.split("train")
    samples = [train.read(index) for index in range(len(train))]
    return Reviews(
        np.concatenate([sample.inputs for sample in samples]),
        np.array([len(sample.inputs) for sample in samples]),
        np.array([int(sample.target) for sample in samples]),
        source.input_size,
    )


def source_of(config: Path, root: Path):
    """The `datasets.Reviews` that a config names, with another root."""
    import datasets

    spec = yaml.safe_load(config.read_text(encoding="utf-8"))["data"]["source"]
    if spec["class_path"] != "datasets.Reviews":
        raise ValueError(f"{config}: reads {spec['class_path']}; give a config of datasets.Reviews")
    return datasets.Reviews(**spec["init_args"] | {"root": str(root)})


class PaddedNetwork(nn.Module):
    """Embedding, BiLSTM, its two last states, a linear layer; what stands on padding is read too.

    The backward direction starts on padding and the forward one ends there: cheap and wrong.
    """

    def __init__(self, rows: int, labels: int):
        super().__init__()
        self.embedding = nn.Embedding(rows, EMBEDDING, padding_idx=0)
        self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * HIDDEN, labels)

    def read(self, features: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, D) -> the last state of either direction, (2, B, H)."""
        return self.lstm(features)[1][0]

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Ids (B, T), (B,) -> logits (B, labels)."""
        last = self.read(self.embedding(inputs), lengths)
        return self.linear(torch.cat([last[0], last[1]], 1))


class PackedNetwork(PaddedNetwork):
    """The tutorials' way to leave the padding out."""

    def read(self, features: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
        return self.lstm(packed)[1][0]


class CarefulNetwork(nn.Module):
    """Dense and exact by hand: the backward direction is a second LSTM over each review flipped
    within its own length, and the maximum is taken over real steps only.
    """

    def __init__(self, rows: int, labels: int):
        super().__init__()
        self.embedding = nn.Embedding(rows, EMBEDDING, padding_idx=0)
        self.forwards = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.backwards = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.linear = nn.Linear(2 * HIDDEN, labels)

    def read(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Ids (B, T), (B,) -> (B, T, 2 H), -inf on padding. Lengths: at least 1."""
        steps = torch.arange(inputs.shape[1])
        mirrored = lengths[:, None] - 1 - steps
        order = torch.where(mirrored >= 0, mirrored, steps)
        forwards, _ = self.forwards(self.embedding(inputs))
        backwards, _ = self.backwards(self.embedding(inputs.gather(1, order)))
        backwards = backwards.gather(1, order[:, :, None].expand_as(backwards))
        both = torch.cat([forwards, backwards], 2)
        return both.masked_fill((mirrored < 0)[:, :, None], float("-inf"))

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        return self.linear(self.read(inputs, lengths).amax(1))


class Loop(NamedTuple):
    """A network and how it is fed; buckets: reviews of like length share a batch."""

    network: type[nn.Module]
    precision: Precision
    buckets: bool


LOOPS = {
    "packed": Loop(PackedNetwork, "float32", buckets=False),
    "padded": Loop(PaddedNetwork, "float32", buckets=False),
    "padded_bfloat16": Loop(PaddedNetwork, "bfloat16", buckets=False),
    "careful": Loop(CarefulNetwork, "bfloat16", buckets=True),
}


def has_bfloat16() -> bool:
    """Elsewhere torch raises in the LSTM under autocast."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def batches(reviews: Reviews, buckets: bool, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Epochs without end, each in another order -> ids (B, T), lengths (B,), labels (B,).

    Of longer reviews the last 400 words are kept; a batch is as long as its longest review.
    """
    ends, rng = np.cumsum(reviews.lengths), np.random.default_rng(seed)
    kept = np.minimum(reviews.lengths, TOKENS)
    while True:
        order = rng.permutation(len(kept))
        if buckets:
            order = sort_windows(order, kept, rng)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            inputs = np.zeros((len(rows), kept[rows].max()), np.int64)
            for line, row in zip(inputs, rows, strict=True):
                line[: kept[row]] = reviews.ids[ends[row] - kept[row] : ends[row]]
            yield (
                torch.from_numpy(inputs),
                torch.from_numpy(kept[rows]),
                torch.from_numpy(reviews.labels[rows]),
            )


def sort_windows(order: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole batches of like length, in a random order; the incomplete one stays last."""
    window = WINDOW * BATCH
    parts = [order[start : start + window] for start in range(0, len(order), window)]
    order = np.concatenate([part[np.argsort(sizes[part], kind="stable")] for part in parts])
    whole = len(order) // BATCH * BATCH
    shuffled = rng.permutation(order[:whole].reshape(-1, BATCH)).reshape(-1)
    return np.concatenate([shuffled, order[whole:]])


def train(loop: Loop, reviews: Reviews, seconds: float, seed: int) -> dict[str, float]:
    """Train for `seconds` after the warm-up -> reviews_per_second, reviews, seconds."""
    torch.manual_seed(seed)
    network = loop.network(reviews.rows, int(reviews.labels.max()) + 1)
    optimizer = torch.optim.Adam(network.parameters())
    count, start = 0, time.perf_counter()
    for step, (inputs, lengths, labels) in enumerate(batches(reviews, loop.buckets, seed)):
        if step == WARM_UP_STEPS:
            count, start = 0, time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=loop.precision == "bfloat16"):
            logits = network(inputs, lengths)
        loss = nn.functional.cross_entropy(logits.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        count += len(labels)
        spent = time.perf_counter() - start
        if step > WARM_UP_STEPS and spent >= seconds:
            return {"reviews_per_second": count / spent, "reviews": count, "seconds": spent}
    raise AssertionError("epochs have no end")


def packed_outputs(lstm: nn.LSTM, features: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, D) -> (B, T, 2 H) by a PackedSequence, zero on padding."""
    packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
    total = features.shape[1]
    return pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=total)[0]


@torch.no_grad()
def largest_error(reviews: Reviews) -> float:
    """Strand's BiLSTM against the packed one with its weights, on a batch, in float32."""
    torch.manual_seed(0)
    inputs, lengths, _ = next(batches(reviews, buckets=False, seed=0))
    features = nn.Embedding(reviews.rows, EMBEDDING)(inputs)
    stack = RecurrentStack(EMBEDDING, HIDDEN)
    lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True, bidirectional=True)
    lstm.load_state_dict(stack.layers[0].core.state_dict())
    expected = packed_outputs(lstm, features, lengths)
    return float((stack(features, lengths) - expected).abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("--arrays", type=Path, required=True, help="what save_reviews wrote")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    reviews = load_reviews(options.arrays)
    print(json.dumps(train(LOOPS[options.loop], reviews, options.seconds, options.seed)))


if __name__ == "__main__":
    main()
