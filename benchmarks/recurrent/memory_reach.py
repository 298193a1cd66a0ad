"""How far back can each recurrent cell learn? Gradients over distance, and two long-lag tasks.

    python -m benchmarks.recurrent.memory_reach --output FOLDER

Recall: which of 8 symbols was the first, after `lag` more of them? Adding (after Hochreiter and
Schmidhuber 1997): the sum of two marked numbers, the first of them `lag` steps before the end.
Every cell gets the same sequences, steps, clipping and choice of learning rates. Each training is
added to FOLDER/results.json when it ends: stop at any time, and the same command goes on. What is
there makes the table and FOLDER/memory_reach.png.
"""

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor, nn

from models import RecurrentStack, SequenceClassificationHead
from models.recurrent.stack import Cell, last_step

from ..table import aligned

SYMBOLS = 8
HIDDEN, BATCH, STEPS = 64, 64, 1500
LEARNING_RATES = (3e-3, 1e-2)
CLIP = 1.0
TRAINED_LAGS = (8, 200)  # a batch's longest lag is drawn between them, log-uniform
LAGS = {"recall": (50, 200, 500), "adding": (50, 200)}
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


TASKS: dict[str, Callable[[np.ndarray, np.random.Generator], Sample]] = {
    "recall": recall,
    "adding": adding,
}


class Network(nn.Module):
    """One forward layer of a cell, read at its last step: (B, T, D) -> logits (B, 8) or sums (B,).

    Reading nothing but the last step leaves all remembering to the cell.
    """

    def __init__(self, task: str, cell: Cell):
        super().__init__()
        size = SYMBOLS if task == "recall" else 2
        self.recurrent = RecurrentStack(size, HIDDEN, 1, cell, "forward")
        self.head = (
            SequenceClassificationHead(HIDDEN, SYMBOLS)
            if task == "recall"
            else nn.Linear(HIDDEN, 1)
        )

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        features = self.recurrent(inputs, lengths)
        if isinstance(self.head, SequenceClassificationHead):
            return self.head(features, lengths)
        return self.head(last_step(features, lengths)).squeeze(1)


def loss_of(answers: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of logits (B, 8), or squared error of sums (B,)."""
    pair = (answers, targets)
    return (
        nn.functional.cross_entropy(*pair) if answers.ndim == 2 else nn.functional.mse_loss(*pair)
    )


def right(answers: Tensor, targets: Tensor) -> Tensor:
    """(B,) bool: the symbol, or a sum within the tolerance."""
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
        longest = int(np.exp(random.uniform(*np.log(TRAINED_LAGS))))
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


def load(path: Path) -> list[dict]:
    """The runs so far. Raises ValueError if they were made with other settings."""
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    changed = [name for name, value in settings().items() if found["settings"].get(name) != value]
    if changed:
        raise ValueError(
            f"{path}: its {len(found['runs'])} runs were made with another {', '.join(changed)}; "
            "choose another --output, or move the file away"
        )
    return found["runs"]


def save(path: Path, records: list[dict]) -> None:
    """Whole or not at all, also when stopped while writing."""
    text = json.dumps({"settings": settings(), "runs": records}, indent=1)
    path.with_suffix(".new").write_text(text, encoding="utf-8")
    path.with_suffix(".new").replace(path)


def settings() -> dict:
    """What all runs of one file share, as JSON gives it back."""
    sizes = {"hidden": HIDDEN, "batch": BATCH, "steps": STEPS, "clip": CLIP, "lags": LAGS}
    sizes |= {"rates": LEARNING_RATES, "check_every": CHECK_EVERY, "checked": CHECKED}
    sizes |= {"trained_lags": TRAINED_LAGS, "distances": DISTANCES, "tested": TESTED}
    return json.loads(json.dumps(sizes))


def key(record: dict) -> Run:
    return Run(*(record[name] for name in Run._fields))


def chosen_rate(records: Sequence[dict], task: str, cell: str) -> float | None:
    """The learning rate of seed 0 with the lowest validation loss; None before all were tried."""
    tried = [r for r in records if (r["task"], r["cell"], r["seed"]) == (task, cell, 0)]
    if {r["learning_rate"] for r in tried} != set(LEARNING_RATES):
        return None
    losses = {r["learning_rate"]: sum(at["loss"] for at in r["validation"].values()) for r in tried}
    return min(losses, key=losses.get)


def next_run(records: Sequence[dict], cells: Sequence[str], seeds: int) -> Run | None:
    """The first run that is missing: all rates with seed 0, then the chosen one with the others."""
    done = {key(record) for record in records}
    for seed in range(seeds):
        for cell in cells:
            for task in LAGS:
                rates = (chosen_rate(records, task, cell),) if seed else LEARNING_RATES
                for rate in rates:
                    if (run := Run(task, cell, rate, seed)) not in done:
                        return run
    return None


class Result(NamedTuple):
    """Medians over seeds. right, loss: by task and lag; steps: by task; gradients at DISTANCES."""

    cell: str
    seeds: int
    right: dict[tuple[str, int], float]
    loss: dict[tuple[str, int], float]
    steps: dict[str, float]
    untrained: list[float]
    trained: list[float]


def summarise(records: Sequence[dict], cells: Sequence[str]) -> list[Result]:
    """One result for each cell that has tried all learning rates on both tasks."""
    results = []
    for cell in cells:
        rates = {task: chosen_rate(records, task, cell) for task in LAGS}
        runs = {t: [r for r in records if key(r)[:3] == (t, cell, rates[t])] for t in LAGS}
        if all(runs.values()):
            results.append(summarise_cell(cell, runs))
    return results


def summarise_cell(cell: str, runs: dict[str, list[dict]]) -> Result:
    def by_lag(value: str) -> dict[tuple[str, int], float]:
        return {
            (task, lag): median(r["test"][str(lag)][value] for r in runs[task])
            for task, lag in places()
        }

    def by_distance(name: str) -> list[float]:
        return [median(values) for values in zip(*(r[name] for r in runs["adding"]), strict=True)]

    return Result(
        cell,
        min(map(len, runs.values())),
        by_lag("right"),
        by_lag("loss"),
        {task: median(r["steps"] for r in runs[task]) for task in LAGS},
        by_distance("gradient_initial"),
        by_distance("gradient_trained"),
    )


def places() -> list[tuple[str, int]]:
    return [(task, lag) for task, lags in LAGS.items() for lag in lags]


def factor_per_step(gradient: Sequence[float]) -> float:
    """The factor a step that leads from the gradient at one distance of FACTOR to the other."""
    near, far = (gradient[DISTANCES.index(k)] for k in FACTOR)
    return (max(far, 1e-300) / max(near, 1e-300)) ** (1 / (FACTOR[1] - FACTOR[0]))


def columns() -> list[str]:
    names = ["cell", "seeds", "factor a step, untrained", "trained"]
    return [*names, *(f"{task} {lag}" for task, lag in places()), "steps"]


def row_cells(result: Result) -> list[str]:
    """recall: % right; adding: % within the tolerance (mean squared error); steps of both."""
    factors = [f"{factor_per_step(g):.3f}" for g in (result.untrained, result.trained)]
    cells = [result.cell, str(result.seeds), *factors]
    for place, share in result.right.items():
        error = f" ({result.loss[place]:.4f})" if place[0] == "adding" else ""
        cells.append(f"{100 * share:.1f}{error}")
    return [*cells, " / ".join(f"{result.steps[task]:.0f}" for task in LAGS)]


def format_table(results: Sequence[Result], markdown: bool) -> str:
    """Aligned columns, or a Markdown table."""
    return aligned([columns(), *map(row_cells, results)], markdown)


def conditions() -> str:
    """What the figures mean, and what they were measured under."""
    longest = TRAINED_LAGS[1]
    return (
        f"One forward layer of {HIDDEN}, read at its last step. At most {STEPS} batches of {BATCH} "
        f"sequences of lags up to {longest} (longer ones are never seen in training); Adam, linear "
        f"decay, gradient norm clipped to {CLIP:g}; ends early at {100 * SOLVED:.0f} % right on "
        f"validation sequences at each lag. Learning rate: of {LEARNING_RATES} the one with the "
        f"lower validation loss for seed 0. Test: {TESTED} other sequences a lag, median over "
        "seeds.\n"
        "recall LAG: % right, chance 12.5. adding LAG: % of sums within "
        f"{TOLERANCE} (mean squared error; 0.167 for always saying 1). Factor a step: of the "
        f"gradient that reaches back, between {FACTOR[0]} and {FACTOR[1]} steps; trained: on "
        "adding. steps: training steps of recall / adding. One thread, PyTorch "
        f"{torch.__version__.split('+')[0]}."
    )


def draw(results: Sequence[Result], path: Path) -> None:
    """Left: gradient over distance, before and after training. Right: right answers at each lag."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right_side) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    width = 0.8 / len(results)
    for index, result in enumerate(results):
        for gradient, style in ((result.untrained, "--"), (result.trained, "-")):
            left.plot(DISTANCES, gradient, style, color=f"C{index}")
        at = [place - 0.4 + (index + 0.5) * width for place in range(len(result.right))]
        shares = [100 * share for share in result.right.values()]
        right_side.bar(at, shares, width, color=f"C{index}", label=result.cell)
    right_side.set_xticks(range(len(places())), [f"{task}\n{lag}" for task, lag in places()])
    left.set(yscale="log", ylim=(1e-12, 1e4), xlabel="steps back")
    left.set_title("gradient (dashed: untrained; solid: trained on adding)")
    right_side.set(ylim=(0, 100), ylabel="%", title="right answers at each lag")
    figure.legend(loc="outside lower center", ncols=len(results), frameon=False)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def remark(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=get_args(Cell), default=get_args(Cell))
    parser.add_argument("--seeds", type=int, default=3, help="trainings a cell and task")
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no training later")
    parser.add_argument("--output", type=Path, default=Path("reports/memory_reach"))
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds {options.seeds}: at least 1 training a cell is needed")
    torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    path, start = options.output / "results.json", time.monotonic()
    records = load(path)
    while run := next_run(records, options.cells, options.seeds):
        if time.monotonic() - start >= 60 * options.minutes:
            remark(f"{options.minutes:g} minutes are over; the same command goes on from {path}")
            break
        record = train(run)
        records.append(record)
        save(path, records)
        shares = " ".join(f"{lag}: {at['right']:.3f}" for lag, at in record["test"].items())
        remark(f"{run} {record['steps']} steps, {record['cpu_seconds']} s; right at {shares}")
    results = summarise(records, get_args(Cell))
    if not results:
        return remark(f"{path}: no cell has tried all learning rates on both tasks yet")
    print(format_table(results, options.format == "markdown"), conditions(), sep="\n\n")
    draw(results, options.output / "memory_reach.png")


if __name__ == "__main__":
    main()
