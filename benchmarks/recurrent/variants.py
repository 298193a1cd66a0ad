"""The recurrent variants side by side: what each runs on, how exact it is, what it costs.

    python -m benchmarks.recurrent.variants

Exactness is measured in float64 by the functions of `tests/support/recurrent_references.py`. Time
is of one training step of one layer and direction in this process' CPU seconds, so that other work
on the machine counts little; the best of some rounds, in which the variants take turns.
"""

import argparse
import time
import warnings

import torch

from models import RecurrentStack
from models.recurrent.cells import CELLS, MinGRU
from tests.support.recurrent_references import (
    VARIANTS,
    check_gradients,
    directions,
    measure_reference_error,
    measure_streaming_error,
)

BATCH, STEPS, UNITS = 64, 200, 128
COLUMNS = ["variant", "runs on", "from its reference", "chunks from the whole", "gradients"]
COLUMNS += ["parameters", "time, float32", "time, bfloat16"]


def build(variant: str) -> RecurrentStack:
    """One layer of UNITS, forward; two layers or directions where the variant is about them."""
    options = {name: value for name, value in VARIANTS[variant].items() if name != "projection"}
    options |= {"projection": UNITS // 2} if "projection" in VARIANTS[variant] else {}
    options |= {"segment": 50} if "segment" in options else {}
    layers = 2 if "skip" in options else 1
    direction = "both" if "merge" in options else "forward"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of loops: their cost is what is measured here
        return RecurrentStack(UNITS, UNITS, layers, direction=direction, **options)


def seconds_a_step(stack: RecurrentStack, half: bool) -> float:
    """CPU seconds of a training step on (BATCH, STEPS, UNITS), forward and backward."""
    features = torch.randn(BATCH, STEPS, UNITS, requires_grad=True)
    lengths = torch.randint(STEPS // 2, STEPS + 1, (BATCH,))
    started = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        outputs = stack.train()(features, lengths)
    outputs.float().square().sum().backward()
    return time.process_time() - started


def measure_times(rounds: int) -> dict[str, list[float]]:
    """variant -> [float32, bfloat16], as multiples of plain lstm layers of the same number."""
    stacks = {variant: build(variant) for variant in VARIANTS}
    best = {variant: [float("inf")] * 2 for variant in VARIANTS}
    for _ in range(rounds):
        for variant, stack in stacks.items():
            spent = [seconds_a_step(stack, half) for half in (False, True)]
            best[variant] = [min(pair) for pair in zip(best[variant], spent, strict=True)]
    print("lstm, seconds a step: float32 {:.3f}, bfloat16 {:.3f}".format(*best["lstm"]))
    return {
        variant: [
            spent / base / (stacks[variant].num_layers * stacks[variant].layers[0].directions)
            for spent, base in zip(times, best["lstm"], strict=True)
        ]
        for variant, times in best.items()
    }


def runs_on(stack: RecurrentStack) -> str:
    cell = CELLS[stack.cell]
    if isinstance(cell, MinGRU):
        return "scan"
    return f"fused {cell.kernel}" if cell.kernel and not stack.zoneout else "loop"


def make_row(variant: str, times: list[float]) -> list[str]:
    stack = build(variant)
    ways = directions(variant)
    error = max(measure_reference_error(variant, way) for way in ways)
    streaming = f"{measure_streaming_error(variant):.0e}" if "forward" in ways else "-"
    gradients = "checked" if check_gradients(variant) else "wrong"
    parameters = f"{sum(p.numel() for p in stack.parameters()):,}"
    cost = [f"x {factor:.2f}" for factor in times]
    return [variant, runs_on(stack), f"{error:.0e}", streaming, gradients, parameters, *cost]


def main() -> None:
    parser = argparse.ArgumentParser(description="The table of docs/variants.md.")
    parser.add_argument("--rounds", type=int, default=4, help="timings of each, the best counts")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    times = measure_times(rounds)
    lines = [COLUMNS, ["---"] * len(COLUMNS), *(make_row(v, times[v]) for v in VARIANTS)]
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))


if __name__ == "__main__":
    main()
