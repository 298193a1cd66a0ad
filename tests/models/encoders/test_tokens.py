"""Token encoders against loops over samples, positions and kernels, in float64."""

import pytest
import torch
from torch.testing import assert_close

from models import TokenCNN, TokenEmbedding
from models.encoders.tokens import dropout_mask, same_padding

IDS = torch.tensor([[4, 2, 3, 3], [1, 0, 4, 2], [4, 4, 4, 4]])
LENGTHS = torch.tensor([4, 2, 0])


def exact(actual, expected) -> None:
    assert_close(actual, expected, rtol=0, atol=1e-10)


def summed_rows(table: torch.Tensor, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Ids (B, T, N) -> (B, T, D), summed in a loop."""
    expected = torch.zeros(*ids.shape[:2], table.shape[1], dtype=table.dtype)
    for sample, length in enumerate(lengths.tolist()):
        for step in range(length):
            for row in ids[sample, step].tolist():
                expected[sample, step] += table[row]
    return expected


def test_word_vectors_are_rows_of_the_table_and_zero_for_padding():
    encoder = TokenEmbedding(5, 3)
    ids, lengths = torch.tensor([[4, 2, 3], [1, 0, 4]]), torch.tensor([3, 2])
    vectors, left = encoder(ids, lengths)
    assert left is lengths
    assert torch.equal(vectors[0], encoder.table.weight[[4, 2, 3]])
    assert torch.equal(vectors[1, 0], encoder.table.weight[1])
    assert not vectors[1, 1:].any()  # id 0, and a word behind the end
    vectors.sum().backward()
    assert encoder.table.weight.grad[:, 0].tolist() == [0, 1, 1, 1, 1]


def test_the_ids_of_a_step_are_summed():
    encoder = TokenEmbedding(9, 5).double()
    ids, lengths = torch.randint(9, (3, 6, 3)), torch.tensor([6, 0, 4])
    vectors, _ = encoder(ids, lengths)
    expected = summed_rows(encoder.table.weight, ids, lengths)
    exact(vectors, expected)
    exact(encoder(ids[:, :, :1], lengths)[0], encoder(ids[:, :, 0], lengths)[0])
    weights = torch.randn_like(vectors)
    gradient, expected_gradient = (
        torch.autograd.grad((v * weights).sum(), encoder.table.weight) for v in (vectors, expected)
    )
    exact(gradient[0][1:], expected_gradient[0][1:])
    assert not gradient[0][0].any()  # id 0 stays nothing


def test_rows_before_training():
    torch.manual_seed(3)
    plain = TokenEmbedding(6, 4).table.weight
    torch.manual_seed(3)
    scaled = TokenEmbedding(6, 4, initial_scale=0.1, zero_from=4).table.weight
    assert not plain[0].any()
    assert plain[1:].all()
    assert_close(scaled[:4], 0.1 * plain[:4])
    assert not scaled[4:].any()
    spread = TokenEmbedding(2000, 64, initial_scale=0.1).table.weight.std().item()
    assert spread == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("inputs", [IDS, IDS.unsqueeze(2)])
@pytest.mark.parametrize("locked", [False, True])
def test_dropout_of_numbers_keeps_the_mean(inputs, locked):
    encoder = TokenEmbedding(5, 4000, dropout=0.25, locked=locked)
    whole = encoder.eval()(inputs, LENGTHS)[0]
    assert torch.equal(encoder(inputs, LENGTHS)[0], whole)
    dropped = encoder.train()(inputs, LENGTHS)[0]
    kept = dropped != 0
    assert_close(dropped, torch.where(kept, whole / 0.75, 0.0))
    real = kept[0]
    assert real.float().mean().item() == pytest.approx(0.75, abs=0.02)
    same = (real == real[:1]).all().item()
    assert same == locked  # one mask for all steps of the sample, or not
    assert not torch.equal(kept[0, 0], kept[1, 0])  # but never one for all samples


@pytest.mark.parametrize("inputs", [IDS, torch.stack([IDS, torch.zeros_like(IDS)], 2)])
def test_word_dropout_drops_whole_rows_for_the_whole_batch(inputs):
    encoder = TokenEmbedding(5, 3, word_dropout=0.4)
    whole = encoder.eval()(inputs, LENGTHS)[0]
    seen = set()
    for _ in range(40):
        dropped = encoder.train()(inputs, LENGTHS)[0]
        dropped_rows = {
            int(row)
            for row, vector in zip(IDS[:2].flatten(), dropped[:2].flatten(0, 1), strict=True)
            if row and not vector.any()
        } - {4, 2} | {row for row, at in ((4, 0), (2, 1)) if not dropped[0, at].any()}
        keep = torch.tensor([row not in dropped_rows for row in range(5)])[IDS].unsqueeze(2)
        assert_close(dropped, torch.where(keep, whole / 0.6, 0.0))
        seen |= {frozenset(dropped_rows)}
    assert len(seen) > 5


def test_word_dropout_and_dropout_together_keep_the_mean():
    encoder = TokenEmbedding(4000, 50, dropout=0.5, word_dropout=0.2)
    torch.nn.init.ones_(encoder.table.weight[1:])
    vectors, _ = encoder(torch.arange(1, 4000).view(3, -1), torch.tensor([1333] * 3))
    assert sorted(vectors.unique().tolist()) == [0, pytest.approx(2.5)]
    rows = vectors.any(2).float().mean().item()
    assert rows == pytest.approx(0.8, abs=0.03)
    assert vectors.mean().item() == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("chance", [0.0001, 0.1, 0.5, 0.9, 1.0])
def test_a_dropout_mask_has_two_values_and_the_mean_one(chance):
    mask = dropout_mask((1009, 7, 61), chance, torch.zeros((), dtype=torch.float64))
    assert mask.shape == (1009, 7, 61) and mask.dtype == torch.float64
    dropped = (mask == 0).double().mean().item()
    assert dropped == pytest.approx(chance, abs=4 * (chance * (1 - chance) / mask.numel()) ** 0.5)
    if chance < 1:
        rate = round(chance * 2**16) / 2**16
        assert mask.unique().tolist() == [0, pytest.approx(1 / (1 - rate), rel=1e-12)]
    # neighbours are independent: of pairs, chance squared are both dropped
    both = ((mask == 0)[..., 1:] & (mask == 0)[..., :-1]).double().mean().item()
    assert both == pytest.approx(chance**2, abs=0.005)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.5}, "dropout 1.5: a probability; give 0"),
        ({"word_dropout": -0.1}, "word_dropout -0.1: a probability"),
        ({"zero_from": 0}, "zero_from 0: give the id of the first n-gram"),
        ({"rows": 0}, "rows 0: give at least 1"),
    ],
)
def test_embedding_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        TokenEmbedding(5, 3, **options)


def convolved(encoder: TokenCNN, ids: torch.Tensor) -> torch.Tensor:
    """Ids of one sample (T,) -> (T', D): every kernel at every position, then pooling windows."""
    vectors = encoder.embedding.table.weight[ids]
    steps = []
    for t in range(len(ids)):
        features = []
        for convolution in encoder.convolutions:
            size = convolution.kernel_size[1]
            start = t - (size - 1) // 2
            for weight, bias in zip(convolution.weight, convolution.bias, strict=True):
                total = bias
                for offset in range(size):
                    if 0 <= start + offset < len(ids):
                        total = total + (weight[:, 0, offset] * vectors[start + offset]).sum()
                features.append(total.clamp(min=0))
        steps.append(torch.stack(features))
    windows = [steps[i : i + encoder.pool] for i in range(0, len(ids), encoder.pool)]
    return torch.stack([torch.stack(w).amax(0) for w in windows])


@pytest.mark.parametrize("pool", [1, 2, 4])
def test_convolutions_equal_a_loop_over_positions_and_kernels(pool):
    encoder = TokenCNN(9, 4, 3, (1, 2, 3, 4, 5), pool=pool).double()
    lengths = torch.tensor([7, 1, 0, 4])
    ids = torch.randint(9, (4, 9))  # with garbage behind each end
    features, left = encoder(ids, lengths)
    assert left.tolist() == [-(-n // pool) for n in (7, 1, 0, 4)]
    assert left.tolist() == encoder.output_lengths(lengths).tolist()
    assert features.shape == (4, -(-9 // pool), 15)
    expected = torch.zeros_like(features)
    for sample, (length, steps) in enumerate(zip(lengths, left, strict=True)):
        if length:
            expected[sample, :steps] = convolved(encoder, ids[sample, :length])
    exact(features, expected)
    weights = torch.randn_like(features)
    parameters = list(encoder.parameters())
    gradients, expected_gradients = (
        torch.autograd.grad((f * weights).sum(), parameters) for f in (features, expected)
    )
    for name, actual, wanted in zip(
        dict(encoder.named_parameters()), gradients, expected_gradients, strict=True
    ):
        if "table" in name:
            assert not actual[0].any()
            actual, wanted = actual[1:], wanted[1:]
        exact(actual, wanted)


def test_even_kernels_look_further_ahead():
    assert [same_padding(size) for size in (1, 2, 3, 4, 5)] == [
        (0, 0), (0, 1), (1, 1), (1, 2), (2, 2)
    ]  # fmt: skip


def test_convolutions_take_several_ids_a_step_and_no_step():
    encoder = TokenCNN(9, 4, 3, (2, 3), pool=2)
    ids, lengths = torch.randint(1, 9, (2, 5)), torch.tensor([5, 3])
    alone = encoder(ids, lengths)[0]
    assert alone.any()
    assert_close(encoder(torch.stack([ids, 0 * ids], 2), lengths)[0], alone)
    empty, left = encoder(ids[:, :0], torch.zeros(2, dtype=torch.int64))
    assert empty.shape == (2, 0, 6) and left.tolist() == [0, 0]


@pytest.mark.parametrize("option", ["dropout", "word_dropout"])
def test_dropout_is_in_training_only(option):
    for kind in (TokenEmbedding, TokenCNN):
        encoder = kind(5, 6, **{option: 1.0})
        whole = encoder.eval()(IDS, LENGTHS)[0]
        assert not torch.equal(encoder.train()(IDS, LENGTHS)[0], whole)
        vectors = encoder if kind is TokenEmbedding else encoder.embedding
        assert not vectors(IDS, LENGTHS)[0].any()


@pytest.mark.parametrize("options", [{"kernel_sizes": ()}, {"kernel_sizes": (3, 0)}, {"pool": 0}])
def test_convolution_options_that_cannot_be(options):
    with pytest.raises(ValueError, match="kernels, each of 1 token or more, and a pool of 1"):
        TokenCNN(5, 3, **options)


def test_ids_behind_the_rows_are_nothing():
    encoder = TokenEmbedding(9, 4, rows=5)
    assert encoder.table.weight.shape == (5, 4)
    ids = torch.tensor([[[2, 5], [3, 4], [8, 1]]])
    expected = encoder.table.weight[[2, 3, 1]].clone()
    expected[1] += encoder.table.weight[4]
    assert_close(encoder(ids, torch.tensor([3]))[0][0], expected)
    assert TokenEmbedding(9, 4, rows=20).table.weight.shape == (9, 4)
