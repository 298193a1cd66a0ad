"""Three tasks that need memory, and a recurrent cell trained on one of them.

Recall: which of 8 symbols was the first, after `lag` more of them? Adding (after Hochreiter and
Schmidhuber 1997): the sum of two marked numbers, the first of them `lag` steps before the end.
Order (after the temporal order problem there): in which order did three of 8 symbols come, each of
which is in the sequence once? All sequences of one length hold the same symbols.
"""

import copy
import time
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor, nn

from models import MovingMean, RecurrentStack, SequenceClassificationHead
from models.recurrent.stack import Cell, last_step

SYMBOLS = 8
ORDERS = torch.tensor(list(permutations(range(3))))  # (6, 3): of the first three symbols
HIDDEN, BATCH, STEPS = 64, 64, 1500
LEARNING_RATES = (3e-3, 1e-2)
CLIP = 1.0
# a batch's longest lag is drawn between these, log-uniform; of `order` the lag is the length
TRAINED_LAGS = {"recall": (8, 200), "adding": (8, 200), "order": (10, 300)}
LAGS = {"recall": (50, 200, 500), "adding": (50, 200), "order": (10, 30, 100, 300)}
KINDS = (*get_args(Cell), "bilstm", "mean")  # mean: of all inputs, without recurrence
TOLERANCE, SOLVED = 0.04, 0.99  # an answer is right if |error| < TOLERANCE; solved: share of right
CHECK_EVERY, CHECKED, TESTED = 100, 128, 512  # steps; sequences for validation, for the test
TRAIN, VALIDATION, TEST = range(3)  # numpy streams that share no sequence
DISTANCES = (0, 1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 400, 500)
FACTOR = (20, 200)  # the distances between which the factor per step is taken

Sample = tuple[Tensor, Tensor, Tensor]  # inputs (B, T, D), lengths (B,), targets (B,)


def recall(lags: np.ndarray, random: np.random.Generator) -> Sample:
    """lags (B,) -> one-hot symbols (B, max lag + 1, 8), of which the first is the target (B,).

    Only its place tells the first from the others: the cell must keep it, and refuse all the rest.
    """
    steps = np.arange(lags.max() + 1)
    symbols = random.integers(SYMBOLS, size=(len(lags), len(steps)))
    inputs = np.eye(SYMBOLS, dtype=np.float32)[symbols] * (steps <= lags[:, None])[..., None]
    return torch.from_numpy(inputs), torch.from_numpy(lags + 1), torch.from_numpy(symbols[:, 0])


def adding(lags: np.ndarray, random: np.random.Generator) -> Sample:
    """lags (B,), each >= 2 -> numbers in 0..1 beside a mark, (B, T, 2); target: the marked sum.

    The first mark is `lag` steps before the end, the second in the half that follows it. What
    comes before the first mark is up to a tenth as long as the lag.
    """
    rows, first = np.arange(len(lags)), random.integers(0, lags // 10 + 1)
    second, lengths = first + random.integers(1, lags // 2 + 1), first + lags + 1
    inputs = np.zeros((len(lags), lengths.max(), 2), np.float32)
    inputs[..., 0] = random.random(inputs.shape[:2]) * (np.arange(lengths.max()) < lengths[:, None])
    inputs[rows, first, 1] = inputs[rows, second, 1] = 1.0
    targets = inputs.prod(2).sum(1)
    return torch.from_numpy(inputs), torch.from_numpy(lengths), torch.from_numpy(targets)


def order(lengths: np.ndarray, random: np.random.Generator) -> Sample:
    """lengths (B,), each >= 3 -> one-hot symbols (B, T, 8), shuffled; target: a row of ORDERS (B,).

    Symbols 0 to 2 are in each sequence once, the others fill it, each as often as the next: what a
    sequence holds says nothing of its target, but its order does.
    """
    fillers = 3 + np.arange(lengths.max() - 3) % (SYMBOLS - 3)
    inputs = np.zeros((len(lengths), lengths.max(), SYMBOLS), np.float32)
    places = np.zeros((len(lengths), 3), int)
    for row, length in enumerate(lengths):
        symbols = random.permutation(np.concatenate([np.arange(3), fillers[: length - 3]]))
        inputs[row, np.arange(length), symbols] = 1.0
        places[row] = [np.flatnonzero(symbols == symbol)[0] for symbol in range(3)]
    first_to_last = torch.from_numpy(places.argsort(1))
    targets = (first_to_last[:, None] == ORDERS).all(2).int().argmax(1)
    return torch.from_numpy(inputs), torch.from_numpy(lengths), targets


TASKS: dict[str, Callable[[np.ndarray, np.random.Generator], Sample]] = {
    "recall": recall,
    "adding": adding,
    "order": order,
}
CLASSES = {"recall": SYMBOLS, "order": len(ORDERS)}


class Network(nn.Module):
    """One layer of a cell, read at its last step: (B, T, D) -> logits (B, classes) or sums (B,).

    Reading nothing but the last step leaves all remembering to the cell. It runs forward; `bilstm`
    in both directions, and is read at the last step of each. `mean`: the mean of all inputs.
    """

    def __init__(self, task: str, cell: str):
        super().__init__()
        size = SYMBOLS if task in CLASSES else 2
        if cell == "mean":
            self.recurrent = MovingMean(size)
        else:
            kind, direction = ("lstm", "both") if cell == "bilstm" else (cell, "forward")
            self.recurrent = RecurrentStack(size, HIDDEN, 1, kind, direction)
        width = self.recurrent.output_size
        if task in CLASSES:
            pooling = "mean" if cell == "mean" else "last"
            self.head = SequenceClassificationHead(width, CLASSES[task], pooling)
            self.head.read_after(self.recurrent.backward_size)
        else:
            self.head = nn.Linear(width, 1)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        features = self.recurrent(inputs, lengths)
        if isinstance(self.head, SequenceClassificationHead):
            return self.head(features, lengths)
        return self.head(last_step(features, lengths)).squeeze(1)


def loss_of(answers: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of logits (B, classes), or squared error of sums (B,)."""
    pair = (answers, targets)
    return (
        nn.functional.cross_entropy(*pair) if answers.ndim == 2 else nn.functional.mse_loss(*pair)
    )


def right(answers: Tensor, targets: Tensor) -> Tensor:
    """(B,) bool: the class, or a sum within the tolerance."""
    return (
        answers.argmax(1) == targets if answers.ndim == 2 else (answers - targets).abs() < TOLERANCE
    )


@torch.no_grad()
def examine(network: Network, task: str, stream: int, count: int) -> dict[str, dict[str, float]]:
    """At each lag of the task, the share of right answers and the loss over `count` sequences."""
    found = {}
    for lag in LAGS[task]:
        inputs, lengths, targets = TASKS[task](
            np.full(count, lag), np.random.default_rng([stream, lag])
        )
        answers = network(inputs, lengths)
        share = right(answers, targets).float().mean().item()
        found[str(lag)] = {"right": share, "loss": loss_of(answers, targets).item()}
    return found


def gradient_reach(
    recurrent: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, distances: Sequence[int]
) -> list[float]:
    """|d (u . h_k) / d x_0| at each distance k, relative to that at k = 0.

    inputs (B, T, D), T > max(distances); the mean over the batch, each sample with its own random
    u ~ N(0, 1), the same at all distances. Take float64 parts: float32 ends at 1e-38.
    """
    inputs = inputs.clone().requires_grad_()
    projection, norms = None, []
    for k in (0, *distances):
        hidden = recurrent(inputs[:, : k + 1], torch.full((len(inputs),), k + 1))[:, k]
        projection = torch.randn_like(hidden) if projection is None else projection
        (gradient,) = torch.autograd.grad((hidden * projection).sum(), inputs)
        norms.append(gradient[:, 0].norm(dim=1).mean().item())
    return [norm / norms[0] for norm in norms[1:]]


def gradients_of(network: Network) -> list[float]:
    """`gradient_reach` of the first number to add, in float64, over 32 sequences."""
    torch.manual_seed(0)
    inputs = torch.rand(32, DISTANCES[-1] + 1, 2, dtype=torch.float64)
    inputs[..., 1] = torch.arange(inputs.shape[1]) == 0
    return gradient_reach(copy.deepcopy(network).double().recurrent, inputs, DISTANCES)


class Run(NamedTuple):
    """What one training does, and its key in the results."""

    task: str
    cell: str
    learning_rate: float
    seed: int


def train(run: Run) -> dict:
    """One training and its test -> a JSON record. It ends early once the validation is solved."""
    start = time.process_time()
    torch.manual_seed(run.seed)
    network = Network(run.task, run.cell)
    record = run._asdict()
    if run.task == "adding":
        record["gradient_initial"] = gradients_of(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=run.learning_rate)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, STEPS)
    random = np.random.default_rng([TRAIN, run.seed])
    for step in range(1, STEPS + 1):
        longest = int(np.exp(random.uniform(*np.log(TRAINED_LAGS[run.task]))))
        lags = random.integers(longest // 2, longest + 1, BATCH)
        inputs, lengths, targets = TASKS[run.task](lags, random)
        optimizer.zero_grad()
        loss_of(network(inputs, lengths), targets).backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        decay.step()
        if step % CHECK_EVERY == 0 or step == STEPS:
            checked = examine(network, run.task, VALIDATION, CHECKED)
            if min(at["right"] for at in checked.values()) >= SOLVED:
                break
    if run.task == "adding":
        record["gradient_trained"] = gradients_of(network)
    record |= {"steps": step, "validation": checked}
    record["test"] = examine(network, run.task, TEST, TESTED)
    return record | {"cpu_seconds": round(time.process_time() - start, 1)}
