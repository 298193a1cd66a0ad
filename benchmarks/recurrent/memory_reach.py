"""How far back can each recurrent cell learn? Gradients over distance, and long-lag tasks.

    python -m benchmarks.recurrent.memory_reach --output FOLDER
    python -m benchmarks.recurrent.memory_reach --tasks order --cells rnn lstm bilstm gru mean

The tasks are those of `long_lags.py`. Every cell gets the same sequences, steps, clipping and
choice of learning rates. Each training is added to FOLDER/results.json when it ends: stop at any
time, and the same command goes on. What is there makes the table and FOLDER/memory_reach.png.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, stdev
from typing import NamedTuple, get_args

import torch

from datasets.output.text import print_notes
from models.recurrent.stack import Cell

from ..table import aligned
from . import long_lags as tasks
from .long_lags import Run, train

CELLS = get_args(Cell)


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
    sizes = {
        "hidden": tasks.HIDDEN,
        "batch": tasks.BATCH,
        "steps": tasks.STEPS,
        "clip": tasks.CLIP,
        "lags": tasks.LAGS,
    }
    sizes |= {
        "rates": tasks.LEARNING_RATES,
        "check_every": tasks.CHECK_EVERY,
        "checked": tasks.CHECKED,
    }
    sizes |= {
        "trained_lags": tasks.TRAINED_LAGS,
        "distances": tasks.DISTANCES,
        "tested": tasks.TESTED,
    }
    return json.loads(json.dumps(sizes))


def key(record: dict) -> Run:
    return Run(*(record[name] for name in Run._fields))


def chosen_rate(records: Sequence[dict], task: str, cell: str) -> float | None:
    """The learning rate of seed 0 with the lowest validation loss; None before all were tried."""
    tried = [r for r in records if (r["task"], r["cell"], r["seed"]) == (task, cell, 0)]
    if {r["learning_rate"] for r in tried} != set(tasks.LEARNING_RATES):
        return None
    losses = {r["learning_rate"]: sum(at["loss"] for at in r["validation"].values()) for r in tried}
    return min(losses, key=losses.get)


def next_run(
    records: Sequence[dict], cells: Sequence[str], names: Sequence[str], seeds: int
) -> Run | None:
    """The first run that is missing: all rates with seed 0, then the chosen one with the others."""
    done = {key(record) for record in records}
    for seed in range(seeds):
        for cell in cells:
            for task in names:
                rates = (chosen_rate(records, task, cell),) if seed else tasks.LEARNING_RATES
                for rate in rates:
                    if (run := Run(task, cell, rate, seed)) not in done:
                        return run
    return None


class Result(NamedTuple):
    """What a cell learnt. right: shares of each seed by task and lag; loss: means over the seeds;
    steps: mean by task; untrained, trained: median gradients at DISTANCES, empty without `adding`.
    """

    cell: str
    seeds: int
    right: dict[tuple[str, int], list[float]]
    loss: dict[tuple[str, int], float]
    steps: dict[str, float]
    untrained: list[float]
    trained: list[float]


def summarise(records: Sequence[dict], cells: Sequence[str], names: Sequence[str]) -> list[Result]:
    """One result for each cell that has tried all learning rates on all of these tasks."""
    results = []
    for cell in cells:
        rates = {task: chosen_rate(records, task, cell) for task in names}
        runs = {t: [r for r in records if key(r)[:3] == (t, cell, rates[t])] for t in names}
        if all(runs.values()):
            results.append(summarise_cell(cell, runs))
    return results


def summarise_cell(cell: str, runs: dict[str, list[dict]]) -> Result:
    def by_lag(value: str) -> dict[tuple[str, int], list[float]]:
        return {
            (task, lag): [r["test"][str(lag)][value] for r in runs[task]]
            for task, lag in places(list(runs))
        }

    def by_distance(name: str) -> list[float]:
        gradients = [record[name] for record in runs.get("adding", ())]
        return [median(values) for values in zip(*gradients, strict=True)]

    return Result(
        cell,
        min(map(len, runs.values())),
        by_lag("right"),
        {place: mean(losses) for place, losses in by_lag("loss").items()},
        {task: mean(r["steps"] for r in own) for task, own in runs.items()},
        by_distance("gradient_initial"),
        by_distance("gradient_trained"),
    )


def places(names: Sequence[str]) -> list[tuple[str, int]]:
    return [(task, lag) for task in names for lag in tasks.LAGS[task]]


def factor_per_step(gradient: Sequence[float]) -> float:
    """The factor a step that leads from the gradient at one distance of FACTOR to the other."""
    near, far = (gradient[tasks.DISTANCES.index(k)] for k in tasks.FACTOR)
    return (max(far, 1e-300) / max(near, 1e-300)) ** (1 / (tasks.FACTOR[1] - tasks.FACTOR[0]))


def columns(names: Sequence[str]) -> list[str]:
    gradients = ["factor a step, untrained", "trained"] * ("adding" in names)
    return ["cell", "seeds", *gradients, *(f"{task} {lag}" for task, lag in places(names)), "steps"]


def row_cells(result: Result) -> list[str]:
    """% right, of adding within the tolerance (mean squared error), ± the deviation; steps."""
    gradients = [g for g in (result.untrained, result.trained) if g]
    cells = [result.cell, str(result.seeds), *(f"{factor_per_step(g):.3f}" for g in gradients)]
    for place, shares in result.right.items():
        spread = f" ± {100 * stdev(shares):.1f}" if len(shares) > 1 else ""
        error = f" ({result.loss[place]:.4f})" if place[0] == "adding" else ""
        cells.append(f"{100 * mean(shares):.1f}{spread}{error}")
    return [*cells, " / ".join(f"{steps:.0f}" for steps in result.steps.values())]


def format_table(results: Sequence[Result], names: Sequence[str], markdown: bool) -> str:
    """Aligned columns, or a Markdown table."""
    return aligned([columns(names), *map(row_cells, results)], markdown)


def conditions(names: Sequence[str]) -> str:
    """What the figures mean, and what they were measured under."""
    rates, (near, far) = tasks.LEARNING_RATES, tasks.FACTOR
    longest = " and ".join(sorted({str(tasks.TRAINED_LAGS[task][1]) for task in names}))
    meanings = {
        "recall": "recall LAG: % right, chance 12.5.",
        "adding": f"adding LAG: % of sums within {tasks.TOLERANCE} (mean squared error; 0.167 for "
        f"always saying 1). Factor a step: of the gradient that reaches back, between {near} and "
        f"{far} steps; trained: on adding; medians.",
        "order": "order LENGTH: % right, chance 16.7; bilstm: a layer in each direction; mean: of "
        "all inputs, without recurrence.",
    }
    return (
        f"One forward layer of {tasks.HIDDEN}, read at its last step. At most {tasks.STEPS} "
        f"batches of {tasks.BATCH} sequences of lags up to {longest} (longer ones are never seen "
        f"in training); Adam, linear decay, gradient norm clipped to {tasks.CLIP:g}; ends early "
        f"at {100 * tasks.SOLVED:.0f} % right on validation sequences at each lag. Learning rate: "
        f"of {rates} the one with the lower validation loss for seed 0. Test: {tasks.TESTED} other "
        "sequences a lag; mean over seeds, ± their standard deviation.\n"
        f"{' '.join(meanings[task] for task in names)} steps: training steps of "
        f"{' / '.join(names)}. One thread, PyTorch {torch.__version__.split('+')[0]}."
    )


def draw(results: Sequence[Result], names: Sequence[str], path: Path) -> None:
    """Right answers at each lag, bars: standard deviation over the seeds. With `adding`, to the
    left: gradient over distance, before and after training.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with_gradients = "adding" in names
    size = (12 if with_gradients else 7, 4.5)
    figure, axes = plt.subplots(
        1, 1 + with_gradients, figsize=size, layout="constrained", squeeze=False
    )
    right_side = axes[0, -1]
    width = 0.8 / len(results)
    for index, result in enumerate(results):
        for gradient, style in ((result.untrained, "--"), (result.trained, "-")):
            if gradient:
                axes[0, 0].plot(tasks.DISTANCES, gradient, style, color=f"C{index}")
        at = [place - 0.4 + (index + 0.5) * width for place in range(len(result.right))]
        means = [100 * mean(shares) for shares in result.right.values()]
        spreads = [100 * stdev(s) if len(s) > 1 else 0 for s in result.right.values()]
        bars = {"yerr": spreads, "capsize": 2} if any(spreads) else {}
        right_side.bar(at, means, width, color=f"C{index}", label=result.cell, **bars)
    ticks = [f"{task}\n{lag}" for task, lag in places(names)]
    right_side.set_xticks(range(len(ticks)), ticks)
    if with_gradients:
        axes[0, 0].set(yscale="log", ylim=(1e-12, 1e4), xlabel="steps back")
        axes[0, 0].set_title("gradient (dashed: untrained; solid: trained on adding)")
    right_side.set(ylim=(0, 100), ylabel="%", title="right answers at each lag")
    figure.legend(loc="outside lower center", ncols=len(results), frameon=False)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=tasks.LAGS, default=["recall", "adding"])
    text = "bilstm: an lstm in both directions; mean: of all inputs, without recurrence"
    parser.add_argument("--cells", nargs="+", choices=tasks.KINDS, default=CELLS, help=text)
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
    while run := next_run(records, options.cells, options.tasks, options.seeds):
        if time.monotonic() - start >= 60 * options.minutes:
            print_notes(
                f"{options.minutes:g} minutes are over; the same command goes on from {path}"
            )
            break
        record = train(run)
        records.append(record)
        save(path, records)
        shares = " ".join(f"{lag}: {at['right']:.3f}" for lag, at in record["test"].items())
        print_notes(f"{run} {record['steps']} steps, {record['cpu_seconds']} s; right at {shares}")
    results = summarise(records, tasks.KINDS, options.tasks)
    if not results:
        return print_notes(f"{path}: no cell has tried all learning rates on all tasks yet")
    table = format_table(results, options.tasks, options.format == "markdown")
    print(table, conditions(options.tasks), sep="\n\n")
    draw(results, options.tasks, options.output / "memory_reach.png")


if __name__ == "__main__":
    main()
