"""The long-lag benchmark: its sequences by hand, its gradient against a known one, its records."""

import json

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from benchmarks.recurrent import long_lags, memory_reach
from benchmarks.recurrent.long_lags import (
    DISTANCES,
    FACTOR,
    LAGS,
    LEARNING_RATES,
    ORDERS,
    TASKS,
    Network,
    Run,
    adding,
    gradient_reach,
    loss_of,
    order,
    recall,
    right,
)
from benchmarks.recurrent.memory_reach import (
    chosen_rate,
    factor_per_step,
    format_table,
    load,
    next_run,
    save,
    summarise,
)

MIXED = np.array([3, 50, 7, 31])
BOTH = ["recall", "adding"]


def test_recall_by_hand():
    inputs, lengths, targets = recall(MIXED, np.random.default_rng(0))
    assert inputs.shape == (4, 51, 8) and lengths.tolist() == [4, 51, 8, 32]
    assert targets.tolist() == inputs[:, 0].argmax(1).tolist()
    # one symbol a step, nothing on padding
    for row, length in zip(inputs, lengths, strict=True):
        assert row.sum(1).tolist() == [1.0] * length + [0.0] * (51 - length)


def test_adding_by_hand():
    inputs, lengths, targets = adding(MIXED, np.random.default_rng(0))
    for row, lag, length, target in zip(inputs, MIXED, lengths, targets, strict=True):
        first, second = row[:, 1].nonzero().flatten().tolist()
        assert length - 1 - first == lag and first <= lag // 10
        assert first < second <= first + lag // 2
        assert target.item() == pytest.approx((row[first, 0] + row[second, 0]).item())
        assert not row[length:].any() and row[:length, 0].gt(0).all()


def test_order_by_hand():
    inputs, lengths, targets = order(MIXED, np.random.default_rng(0))
    assert inputs.shape == (4, 50, 8) and lengths.tolist() == MIXED.tolist()
    for row, length, target in zip(inputs, lengths, targets, strict=True):
        assert row.sum(1).tolist() == [1.0] * length + [0.0] * (50 - length)
        marks = [s for s in row[:length].argmax(1).tolist() if s < 3]
        assert marks == ORDERS[target].tolist()


def test_what_a_sequence_holds_does_not_tell_its_order():
    """All of one length hold the same symbols, and each order is as frequent as the others."""
    inputs, _, targets = order(np.full(6000, 30), np.random.default_rng(0))
    assert inputs.sum(1).unique(dim=0).tolist() == [[1, 1, 1, 6, 6, 5, 5, 5]]
    assert targets.bincount().tolist() == pytest.approx([1000] * 6, abs=100)
    torch.manual_seed(0)
    network = Network("order", "mean")
    answers = network(inputs[:64], torch.full((64,), 30))
    assert_close(answers, answers[:1].expand(64, 6))


def test_always_one_has_the_known_error():
    """Var(U1 + U2) = 1 / 6; P(|U1 + U2 - 1| < 0.04) = 1 - 0.96 ** 2."""
    targets = adding(np.full(20000, 10), np.random.default_rng(0))[2]
    answers = torch.ones(20000)
    assert loss_of(answers, targets).item() == pytest.approx(1 / 6, abs=0.005)
    assert right(answers, targets).float().mean().item() == pytest.approx(1 - 0.96**2, abs=0.005)


def test_the_end_does_not_tell_the_answer():
    inputs, _, targets = recall(np.full(20000, 5), np.random.default_rng(0))
    for step in range(1, 6):
        same = (inputs[:, step].argmax(1) == targets).float().mean().item()
        assert same == pytest.approx(1 / 8, abs=0.01)
    inputs, _, targets = adding(np.full(20000, 9), np.random.default_rng(0))
    assert inputs[:, 5:, 1].sum() == 0  # no mark in the second half
    for step in range(5, 10):
        both = torch.stack([inputs[:, step, 0], targets])
        assert abs(torch.corrcoef(both)[0, 1].item()) < 0.03


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.1])
def test_gradient_of_a_linear_recurrence_is_its_power(factor):
    def recurrent(inputs, lengths):
        hidden, states = torch.zeros_like(inputs[:, 0]), []
        for step in inputs.unbind(1):
            hidden = factor * hidden + step
            states.append(hidden)
        assert (lengths == len(states)).all()
        return torch.stack(states, 1)

    distances = [0, 1, 2, 9, 60]
    inputs = torch.randn(3, 61, 2, dtype=torch.float64)
    measured = gradient_reach(recurrent, inputs, distances)
    assert measured == pytest.approx([factor**k for k in distances], rel=1e-12)


def test_gradient_starts_at_the_first_step_and_ends_at_the_distance():
    """A weight of its own at each step: what reaches h_k from x_0 is that of step 0 alone."""

    def recurrent(inputs, lengths):
        scale = torch.arange(1.0, inputs.shape[1] + 1).unsqueeze(1)
        return (inputs * scale).cumsum(1) * scale.flip(0)[:1]  # x_0 reaches h_k times k + 1

    measured = gradient_reach(recurrent, torch.randn(4, 6, 3), [1, 5])
    assert measured == pytest.approx([2.0, 6.0], rel=1e-6)


def test_factor_per_step_of_a_power_is_its_base():
    assert factor_per_step([0.97**k for k in DISTANCES]) == pytest.approx(0.97)
    assert set(FACTOR) <= set(DISTANCES)


@pytest.mark.parametrize("cell", ["lstm", "bilstm", "mean"])
@pytest.mark.parametrize("task", TASKS)
def test_a_network_reads_only_its_own_steps(task, cell):
    torch.manual_seed(0)
    network = Network(task, cell)
    inputs, lengths, _ = TASKS[task](MIXED, np.random.default_rng(0))
    alone = network(inputs[2:3, : lengths[2]], lengths[2:3])
    assert_close(network(inputs, lengths)[2:3], alone, rtol=0, atol=1e-5)


def record(task, cell, rate, seed, share, loss, validation=1.0):
    """A finished training; all its gradients are 0.5 ** k, or 0.9 ** k when trained."""
    scores = {str(lag): {"right": share, "loss": loss} for lag in LAGS[task]}
    made = Run(task, cell, rate, seed)._asdict() | {"steps": 100 * (seed + 1), "test": scores}
    made["validation"] = {str(lag): {"right": 0.5, "loss": validation} for lag in LAGS[task]}
    made["gradient_initial"] = [0.5**k for k in DISTANCES]
    return made | {"gradient_trained": [0.9**k for k in DISTANCES]}


def finished(cell, shares):
    """Both tasks, with the second rate better, and one training a share with it."""
    slow, fast = LEARNING_RATES
    return [
        row
        for task in BOTH
        for row in [
            record(task, cell, slow, 0, 0.0, 9.0, validation=2.0),
            *(record(task, cell, fast, seed, s, 0.125) for seed, s in enumerate(shares)),
        ]
    ]


def test_table_by_hand():
    results = summarise(finished("gru", [0.25, 1.0, 0.5]), ["lstm", "gru"], BOTH)
    table = format_table(results, BOTH, markdown=True).splitlines()
    assert table[0].startswith("| cell | seeds | factor a step, untrained | trained | recall 50 |")
    share = "58.3 ± 38.2"  # (25 + 100 + 50) / 3, sqrt((33.3 ** 2 + 41.7 ** 2 + 8.3 ** 2) / 2)
    shares = f"{share} | {share} | {share} | {share} (0.1250) | {share} (0.1250)"
    assert table[2:] == [f"| gru | 3 | 0.500 | 0.900 | {shares} | 200 / 200 |"]
    assert {line.count("|") for line in table} == {table[0].count("|")}
    text = format_table(results, BOTH, markdown=False).splitlines()
    assert len(text) == 2 and text[0].index("steps") == text[1].index("200 / 200")


def test_the_rate_is_chosen_on_validation_once_all_were_tried():
    slow, fast = LEARNING_RATES
    first = record("recall", "rnn", slow, 0, 0.9, 0.1, validation=1.0)
    assert chosen_rate([first], "recall", "rnn") is None
    # better in the test, worse in the validation: the test has no say
    second = record("recall", "rnn", fast, 0, 1.0, 0.0, validation=1.5)
    assert chosen_rate([first, second], "recall", "rnn") == slow
    assert summarise([first, second], ["rnn"], BOTH) == []  # the other task is still missing


def test_runs_go_on_where_they_stopped():
    slow, fast = LEARNING_RATES
    records, order = [], []
    while run := next_run(records, ["rnn", "gru"], BOTH, seeds=2):
        order.append(run)
        better = 0.1 if (run.learning_rate == fast) == (run.task == "adding") else 0.2
        records.append(record(*run, 0.5, 0.5, validation=better))
    assert len(order) == len(set(order)) == 2 * 2 * (2 + 1)
    assert order[-2:] == [Run("recall", "gru", slow, 1), Run("adding", "gru", fast, 1)]
    for done in range(len(order)):
        assert next_run(records[:done], ["rnn", "gru"], BOTH, seeds=2) == order[done]
    assert next_run(records, ["rnn", "gru"], BOTH, seeds=1) is None


def test_records_of_other_settings_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    assert load(path) == []
    save(path, [{"task": "recall"}])
    assert load(path) == [{"task": "recall"}]
    monkeypatch.setattr(long_lags, "STEPS", 7)
    with pytest.raises(
        ValueError, match=r"results\.json: its 1 runs were made with another steps;"
    ):
        load(path)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(long_lags, "STEPS", 2)
    lags = {"recall": (4, 9), "adding": (5,), "order": (4, 9)}
    monkeypatch.setattr(long_lags, "LAGS", lags)
    monkeypatch.setattr(long_lags, "DISTANCES", (0, 1, 3))
    monkeypatch.setattr(long_lags, "FACTOR", (1, 3))
    monkeypatch.setattr(long_lags, "TRAINED_LAGS", dict.fromkeys(lags, (6, 9)))


def test_the_command_stops_goes_on_and_draws(tmp_path, small, capsys):
    command = ["--cells", "rnn", "--seeds", "1", "--output", str(tmp_path)]
    memory_reach.main([*command, "--minutes", "0"])
    said = capsys.readouterr()
    assert "minutes are over" in said.err and "no cell has tried" in said.err and not said.out
    memory_reach.main(command)
    text = (tmp_path / "results.json").read_text()
    assert len(json.loads(text)["runs"]) == 4
    assert capsys.readouterr().out.splitlines()[1].startswith("rnn ")
    memory_reach.main([*command, "--format", "markdown"])  # nothing is left to train
    assert (tmp_path / "results.json").read_text() == text
    assert "| rnn | 1 |" in capsys.readouterr().out
    assert 5_000 < (tmp_path / "memory_reach.png").stat().st_size < 200_000


def test_the_order_alone_in_one_table(tmp_path, small, capsys):
    command = ["--tasks", "order", "--cells", "bilstm", "mean", "--output", str(tmp_path)]
    memory_reach.main([*command, "--seeds", "2"])
    table, notes = capsys.readouterr().out.split("\n\n")
    assert table.splitlines()[0].split("  ")[0] == "cell" and "factor" not in table
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [["bilstm", "2"], ["mean", "2"]]
    assert table.count(" ± ") == 4 and "chance 16.7" in notes and "adding" not in notes
    assert 5_000 < (tmp_path / "memory_reach.png").stat().st_size < 200_000


def test_a_training_can_be_repeated(small):
    run = Run("adding", "lstm", 1e-2, 0)
    one, other = long_lags.train(run), long_lags.train(run)
    del one["cpu_seconds"], other["cpu_seconds"]
    assert one == other
    assert one["gradient_initial"] != one["gradient_trained"]
    assert long_lags.train(run._replace(seed=1))["test"] != one["test"]
