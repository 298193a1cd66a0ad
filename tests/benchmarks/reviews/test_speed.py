"""The loops are what they say, the speeds are read from what was printed, the table by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from benchmarks.reviews import speed as reviews_speed
from benchmarks.reviews.loops import (
    EMBEDDING,
    HIDDEN,
    LOOPS,
    CarefulNetwork,
    PackedNetwork,
    PaddedNetwork,
    Reviews,
    batches,
    has_bfloat16,
    largest_error,
    load_reviews,
    packed_outputs,
    save_reviews,
    train,
)
from benchmarks.reviews.speed import (
    Contender,
    contenders,
    format_table,
    last_json,
    measure,
    run_once,
    strand_command,
    strand_speed,
    training_file,
)

CONFIG = Path(__file__).parents[3] / "configs" / "imdb" / "bilstm.yaml"
LOG = """samples: 20 train, 4 validation, 4 test; 2 labels; 5 batches an epoch
epoch 1: accuracy 50.00 % (40.00-60.00, 95 % over 4 movies)  11 samples/s, waiting 0.0 %
epoch 2: accuracy 51.00 % (40.00-60.00, 95 % over 4 movies)  100 samples/s, waiting 0.1 %
epoch 3: accuracy 52.00 % (40.00-60.00, 95 % over 4 movies)  300 samples/s, waiting 0.1 %
epoch 4: accuracy 53.00 % (40.00-60.00, 95 % over 4 movies)  7 samples/s, waiting 0.1 %
"""


def made_up(lengths: list[int]) -> Reviews:
    """Reviews whose words are numbered from 1 on through all of them."""
    ids = np.arange(1, sum(lengths) + 1)
    labels = np.arange(len(lengths)) % 2
    return Reviews(ids, np.array(lengths), labels, sum(lengths) + 1)


@pytest.fixture
def batch():
    torch.manual_seed(0)
    lengths = torch.tensor([7, 1, 12, 3])
    inputs = torch.randint(1, 20, (4, 12))
    return inputs.masked_fill(torch.arange(12) >= lengths[:, None], 0), lengths


def test_speed_is_read_from_what_fit_prints():
    """All reviews / all seconds of whole epochs after the first: 2 / (1/100 + 1/300)."""
    assert strand_speed(LOG) == pytest.approx(150)
    two_epochs = "".join(LOG.splitlines(keepends=True)[:3])
    assert strand_speed(two_epochs) == pytest.approx(100)


def test_too_short_a_run_is_an_error():
    with pytest.raises(ValueError, match=r"1 epochs of 30 batches .* more --seconds"):
        strand_speed("".join(LOG.splitlines(keepends=True)[:2]))


def test_last_line_is_the_result():
    assert last_json('noise\n{"reviews_per_second": 12.5, "reviews": 3}\n') == 12.5


def test_careful_loop_equals_packed(batch):
    inputs, lengths = batch
    network = CarefulNetwork(20, 2)
    lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True, bidirectional=True)
    weights = dict(network.forwards.named_parameters())
    weights |= {f"{n}_reverse": w for n, w in network.backwards.named_parameters()}
    lstm.load_state_dict(weights)
    expected = packed_outputs(lstm, network.embedding(inputs), lengths)
    found = network.read(inputs, lengths)
    assert_close(found.masked_fill(found.isinf(), 0.0), expected, rtol=0, atol=1e-5)
    assert (found.isinf().all(2) == (torch.arange(12) >= lengths[:, None])).all()


def test_packed_loop_is_right_and_padded_is_not(batch):
    """Each review alone has no padding: there both agree."""
    inputs, lengths = batch
    packed, padded = PackedNetwork(20, 2), PaddedNetwork(20, 2)
    padded.load_state_dict(packed.state_dict())
    alone = [padded(row[None, :n], n[None]) for row, n in zip(inputs, lengths, strict=True)]
    assert_close(packed(inputs, lengths), torch.cat(alone), rtol=0, atol=1e-5)
    assert (padded(inputs, lengths) - torch.cat(alone)).abs().max() > 1e-3


def test_strand_equals_packed():
    assert 0 < largest_error(made_up([9, 2, 30, 1])) < 1e-5


@pytest.mark.parametrize("buckets", [False, True])
def test_an_epoch_reads_each_review_once_and_its_end(buckets):
    lengths = [405, *range(1, 140)]
    reviews = made_up(lengths)
    found = batches(reviews, buckets, seed=0)
    rows, widths = [], []
    for inputs, kept, labels in (next(found) for _ in range(3)):
        assert inputs.shape[1] == kept.max()
        for row, length, label in zip(inputs, kept.tolist(), labels.tolist(), strict=True):
            assert not row[length:].any()
            rows.append((row[:length].tolist(), label))
        widths.append(int(kept.min()))
    ends = np.cumsum(lengths)
    starts = ends - np.minimum(lengths, 400)
    whole = [reviews.ids[a:b].tolist() for a, b in zip(starts, ends, strict=True)]
    assert sorted(rows) == sorted(zip(whole, reviews.labels.tolist(), strict=True))
    # 140 reviews are one window: sorted, the first batches hold 1 to 64 and 65 to 128 words
    assert (sorted(widths[:2]) == [1, 65]) == buckets


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_trains_and_tells_its_speed(name):
    if LOOPS[name].precision == "bfloat16" and not has_bfloat16():
        pytest.skip("no bfloat16 LSTM on this processor")
    told = train(LOOPS[name], made_up([1, 2, 3]), seconds=0.01, seed=0)
    assert told["reviews_per_second"] == pytest.approx(told["reviews"] / told["seconds"])
    assert told["seconds"] >= 0.01 and told["reviews"] % 3 == 0 and told["reviews"] >= 6


def test_reviews_are_kept_in_a_file(tmp_path):
    save_reviews(tmp_path / "reviews.npz", made_up([2, 3]))
    found = load_reviews(tmp_path / "reviews.npz")
    assert found.rows == 6 and found.ids.tolist() == [1, 2, 3, 4, 5]
    assert found.lengths.tolist() == [2, 3] and found.labels.tolist() == [0, 1]


def test_table_by_hand():
    commands = [Contender(n, "s", "float32", "slow", [], last_json) for n in ("slow", "fast")]
    commands.append(Contender("other", "t", "float32", "absent", [], last_json))
    table = format_table(commands, [[10, 30, 20], [50, 40, 70], [1]], markdown=True).splitlines()
    assert table[2] == "| slow | s | float32 | 20 | 10-30 | x 1.00 |"
    assert table[3] == "| fast | s | float32 | 50 | 40-70 | x 2.50 |"
    assert table[4] == "| other | t | float32 | 1 | 1-1 | - |"
    assert {line.count("|") for line in table} == {7}


def test_all_take_turns():
    commands = [Contender(name, "s", "float32", "a", [], last_json) for name in "ab"]
    order = []
    speeds = measure(commands, 2, lambda c: order.append(c.name) or len(order))
    assert order == ["a", "b", "a", "b"] and speeds == [[1, 3], [2, 4]]


def test_threads_are_shared_speeds_added_and_failures_told():
    script = "import os; print('{\"reviews_per_second\":', os.environ['OMP_NUM_THREADS'], '}')"
    command = [sys.executable, "-c", script]
    assert run_once(Contender("c", "s", "float32", "c", command, last_json, 2), threads=6) == 6
    broken = Contender("c", "s", "float32", "c", [sys.executable, "-c", "1 / 0"], last_json)
    with pytest.raises(RuntimeError, match=r"c broke off \(exit 1\)(.|\n)*ZeroDivisionError"):
        run_once(broken, threads=1)


def test_contenders_and_what_is_missing(tmp_path):
    given = (CONFIG, tmp_path, tmp_path / "a.npz", 5.0)
    alone, remarks = contenders(*given, 1, None)
    own = [remark for remark in remarks if "bfloat16" not in remark]  # not every processor has it
    assert len(own) == 2 and "--keras" in own[1] and "one thread" in own[0]
    every, remarks = contenders(*given, 2, "python-of-keras")
    assert all("bfloat16" in remark for remark in remarks) and len(every) == len(alone) + 2
    assert [c.processes for c in every].count(2) == 1
    assert {c.reference for c in every} <= {c.name for c in every}


def test_speeds_of_fit_are_bounded_by_the_clock():
    command = strand_command(CONFIG, Path("/d"), 3725.5, {"data.batch_size": 8})
    assert command[1:4] == ["fit", "-c", str(CONFIG)]
    assert "--trainer.max_time=00:01:02:06" in command and "--data.batch_size=8" in command
    assert f"--trainer.limit_train_batches={reviews_speed.EPOCH_BATCHES}" in command


def test_the_test_reviews_stay_closed(tmp_path):
    archive = tmp_path / "aclImdb_v1.tar.gz"
    for name in (archive.name, "train.csv", "test.csv"):
        (tmp_path / name).touch()
    assert training_file(str(tmp_path)) == tmp_path / "train.csv"
    assert training_file(str(archive)) == archive
