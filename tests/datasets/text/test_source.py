"""Reviews from files to ids: splits, vocabulary, labels, problems, and the cache."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from datasets import Reviews
from datasets.data_module import SequenceDataModule
from datasets.source import Problem

STRAND_DATA = os.environ.get("STRAND_DATA", "")  # before the tests forget it
HEADER = "text,label,movie\n"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "strand" / "reviews"


def row(index: int) -> str:
    """Ten films with four reviews each; the name of each film is a word of its own."""
    word = "good" if index % 2 else "bad"
    return f"the film{index // 4} is {word} review{index},{index % 2},m{index // 4}\n"


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "train.csv"
    path.write_text(HEADER + "".join(map(row, range(40))))
    return path


def with_test(table: Path, *lines: str) -> Path:
    (table.parent / "test.csv").write_text(HEADER + "".join(lines))
    return table.parent


def words(source: Reviews, ids: np.ndarray) -> list[str]:
    return [source.reader.symbols[i - 2] if i > 1 else "?" for i in ids]


def test_films_stand_on_one_side_and_words_come_from_training_alone(table):
    source = Reviews(str(table), validation=0.2, min_count=1)
    train, validation = source.split("train"), source.split("validation")
    assert (len(train), len(validation), len(source.split("test"))) == (32, 8, 0)
    assert not set(train.groups) & set(validation.groups) and source.problems == []
    assert {f"film{g[1:]}" for g in train.groups} < set(source.reader.symbols)
    unseen = {f"film{g[1:]}" for g in validation.groups}
    assert len(unseen) == 2 and not unseen & set(source.reader.symbols)
    # by how many reviews have them, then by name
    assert source.reader.symbols[:4] == ["is", "the", "bad", "good"]
    index, sample = validation[3]
    assert index == 3 and sample.inputs.dtype == np.int64
    texts, labels = source.texts("validation")
    assert words(source, sample.inputs) == ["the", "?", "is", texts[3].split()[3], "?"]
    assert labels == [int(validation[i][1].target) for i in range(8)]
    assert validation.names[3] == f"train.csv row {int(texts[3].split('review')[1]) + 1}"


def test_the_splits_depend_on_the_seed_alone(table):
    films = {s: set(Reviews(str(table), 0.2, seed=s).split("validation").groups) for s in range(5)}
    assert len(set(map(frozenset, films.values()))) > 1
    assert (
        set(Reviews(str(table), 0.2, seed=3, max_length=2).split("validation").groups) == films[3]
    )


def test_the_most_frequent_words_get_ids(table):
    source = Reviews(str(table), vocabulary_size=3)
    assert source.reader.symbols == ["is", "the", "bad"] and source.input_size == 5
    assert "review0" not in Reviews(str(table), min_count=2).reader.symbols


@pytest.mark.parametrize("keep", ["end", "start"])
@pytest.mark.parametrize("ngrams", [1, 3])
@pytest.mark.parametrize("tokenizer", ["words", "characters"])
def test_the_reader_of_the_bundle_gives_the_same_ids(table, keep, ngrams, tokenizer):
    for max_length in (3, None):
        source = Reviews(
            str(table), tokenizer=tokenizer, ngrams=ngrams, ngram_min_count=2, keep=keep,
            max_length=max_length,
        )  # fmt: skip
        for split in ("validation", "train"):
            dataset = source.split(split)
            runs = False
            for index, text in enumerate(source.texts(split)[0]):
                ids = dataset.read(index).inputs
                assert np.array_equal(ids, source.reader.read(text))
                assert len(ids) == dataset.sizes[index] == (max_length or len(ids))
                runs |= ngrams > 1 and bool(ids[:, 2].any())
        assert runs == (ngrams == 3)


def test_ngrams_are_chosen_by_the_number_of_reviews(table):
    symbols = Reviews(str(table), ngrams=2, ngram_size=2, ngram_min_count=3).reader.symbols
    assert [s for s in symbols if " " in s] == ["is bad", "is good"]


def test_the_limit_draws_from_the_training_reviews(table):
    source = Reviews(str(table), 0.2, limit=10, seed=1, min_count=1)
    whole = Reviews(str(table), 0.2, seed=1).split("train").names
    drawn = source.split("train").names
    assert len(drawn) == 10 and set(drawn) < set(whole) and drawn != whole[:10]
    assert len(source.split("validation")) == 8
    assert sum("review" in s for s in source.reader.symbols) == 10
    assert Reviews(str(table), 0.2, limit=99, seed=1).split("train").names == whole


def test_the_test_file_is_read_when_it_is_asked_for(table):
    root = with_test(table, row(1), "what,7,m\n", ",0,m\n", "<br />,1,m\n")
    (root / "test.csv").rename(root / "later")
    (root / "test.csv").write_text("no table")
    source = Reviews(str(root))
    assert source.problems == []
    (root / "later").replace(root / "test.csv")
    for again in (source, source, Reviews(str(root))):
        test = again.split("test")
        assert test.names == ["test.csv row 1", "test.csv row 3", "test.csv row 4"]
        assert test.sizes.tolist() == [5, 0, 0] and test.labels.tolist() == [1, 0, 1]
        assert again.texts("test") == (["the film0 is good review1", "", "<br />"], [1, 0, 1])
        assert [p.name for p in again.problems] == ["test.csv row 2"]
        assert "no training review has its label '7'" in again.problems[0].reason


def test_a_share_is_kept_for_the_test_where_there_is_no_file(table):
    source = Reviews(str(table), 0.2, 0.2)
    groups = [set(source.split(s).groups) for s in ("train", "validation", "test")]
    assert [len(g) for g in groups] == [6, 2, 2] and len(set.union(*groups)) == 10
    assert len(source.texts("test")[0]) == 8
    with pytest.raises(ValueError, match=r"has test reviews of its own; remove test=0\.2"):
        Reviews(str(with_test(table, row(1))), test=0.2)


def test_a_review_without_words_is_named_and_left_out(table):
    with table.open("a") as file:
        file.write('"",1,m0\n <br /> ,0,m1\nno label,,m2\n')
    source = Reviews(str(table))
    assert sum(len(source.split(s)) for s in ("train", "validation")) == 40
    assert sorted(p.name for p in source.problems) == [f"train.csv row {n}" for n in (41, 42, 43)]
    assert [p for p in source.problems if "no words; remove the review" in p.reason][1:]
    assert all(isinstance(p, Problem) for p in Reviews(str(table)).problems)


@pytest.mark.parametrize(
    ("found", "names", "expected"),
    [
        ("01", None, ["0", "1"]),
        ("01", ["negative", "positive"], ["negative", "positive"]),
        (["2", "10"], None, ["2", "10"]),
        (["b", "a"], None, ["a", "b"]),
        (["b", "a"], ["a", "b"], ["a", "b"]),
        (["b", "a"], ["b", "a"], ["b", "a"]),
    ],
)
def test_labels_are_sorted_or_named(tmp_path, found, names, expected):
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "".join(f"w,{found[i % 2]}\n" for i in range(20)))
    source = Reviews(str(path), labels=names)
    assert source.labels == expected
    train = source.split("train")
    raw = [found[(int(name.split()[-1]) - 1) % 2] for name in train.names]
    labels = [source.labels[label] for label in train.labels]
    assert labels == ([names[int(r)] for r in raw] if names and found == "01" else raw)


def test_labels_that_do_not_fit_are_refused(table):
    for names in (["a", "b", "c"], ["a"], ["a", "a"]):
        with pytest.raises(ValueError, match=r'do not fit the labels that are there, \["0", "1"\]'):
            Reviews(str(table), labels=names)


def test_one_class_is_nothing_to_learn(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "same,yes\n" * 5)
    with pytest.raises(ValueError, match=r"reviews to train on, all of one label \(yes\); there"):
        Reviews(str(path))
    path.write_text("text,label\n")
    with pytest.raises(ValueError, match=r"0 reviews to train on, all of one label \(none\)"):
        Reviews(str(path))


def test_options_that_make_no_sense_are_refused(table):
    for option in ("vocabulary_size", "min_count", "limit"):
        with pytest.raises(ValueError, match=f"{option}=0; give at least"):
            Reviews(str(table), **{option: 0})
    with pytest.raises(ValueError, match="validation=2 is no share"):
        Reviews(str(table), validation=2)


def test_a_second_time_nothing_is_tokenised(table, cache, monkeypatch):
    first = Reviews(str(table), ngrams=2)

    def never(*_):
        raise AssertionError("read again")

    monkeypatch.setattr(Reviews, "_prepare", never)
    again = Reviews(str(table), ngrams=2, max_length=3, keep="start")
    assert again.reader.symbols == first.reader.symbols and len(list(cache.iterdir())) == 1
    assert (
        again.split("train")[5][1].inputs.tolist() == first.split("train")[5][1].inputs[:3].tolist()
    )
    for change in ({"seed": 1}, {"ngrams": 1}, {"min_count": 1}, {"limit": 9}, {"validation": 0.3}):
        with pytest.raises(AssertionError, match="read again"):
            Reviews(str(table), **{"ngrams": 2, **change})
    table.write_text(table.read_text().replace("good", "gone"))
    with pytest.raises(AssertionError, match="read again"):
        Reviews(str(table), ngrams=2)


def test_a_damaged_cache_is_made_again(table, cache):
    expected = Reviews(str(table)).split("train")[0][1].inputs.tolist()
    (file,) = cache.glob("*/train_ids.npy")
    file.write_bytes(file.read_bytes()[:-4])
    assert Reviews(str(table)).split("train")[0][1].inputs.tolist() == expected


def test_a_worker_gets_the_place_of_the_ids_not_the_ids(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "".join(f"{'w ' * 5000},{i % 2}\n" for i in range(20)))
    dataset = Reviews(str(path)).split("train")
    expected = dataset[3][1].inputs
    assert isinstance(dataset._ids, np.memmap)
    sent = pickle.dumps(dataset)  # as a spawned worker gets it
    assert len(sent) < 5000 and (pickle.loads(sent)[3][1].inputs == expected).all()


def test_a_review_of_two_million_words_is_one_review(table):
    with table.open("a") as file:
        file.write("word " * 2_000_000 + "end,1,m0\n")
    source = Reviews(str(table), validation=0.0)
    train = source.split("train")
    assert train.sizes[40] == 400 and len(train[40][1].inputs) == 400
    assert words(source, train[40][1].inputs[-2:]) == ["?", "?"]  # each in one review alone


def test_batches_are_made_of_reviews(table):
    module = SequenceDataModule(Reviews(str(table), ngrams=2), batch_size=8, workers=0)
    batch = next(iter(module.train_dataloader()))
    assert batch.inputs.shape == (8, 5, 2) and batch.targets.shape == (8,)


@pytest.mark.slow
@pytest.mark.skipif(
    not (Path(STRAND_DATA) / "imdb" / "train.parquet").exists() or not STRAND_DATA,
    reason="STRAND_DATA has no imdb/train.parquet",
)
def test_imdb_keeps_films_apart():
    source = Reviews(f"{STRAND_DATA}/imdb", limit=200, labels=["negative", "positive"])
    train, validation = source.split("train"), source.split("validation")
    assert len(train) == 200 and 2400 < len(validation) < 2600 and source.problems == []
    assert not set(train.groups) & set(validation.groups)
    assert 0.4 < validation.labels.mean() < 0.6


def test_spellings_of_a_label_are_joined_and_near_twins_named(tmp_path):
    labels = ["caf\u00e9", "cafe\u0301", "1", "1.0", "POS", "pos", "pos"]
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "".join(f"good {i},{n}\n" for i, n in enumerate(labels)))
    source = Reviews(str(path), validation=0.0)
    assert source.labels == ["1", "POS", "caf\u00e9", "pos"]
    assert source.label_counts("train") == {"caf\u00e9": 2, "1": 2, "POS": 1, "pos": 2}
    (note,) = source.notes
    assert "labels 'POS' (1) and 'pos' (2): did you mean one?" in note.reason


def test_numbers_as_labels_may_be_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "".join(f"good {i},{i % 2}.0\n" for i in range(8)))
    assert Reviews(str(path), validation=0.0).labels == ["0", "1"]
    assert Reviews(str(path), validation=0.0, labels=["1.0", "0.0"]).labels == ["1", "0"]
    assert Reviews(str(path), validation=0.0, labels=["bad", "good"]).labels == ["bad", "good"]
    path.write_text("text,label\ngood,1\nbad,1.0\nso,1\n")
    with pytest.raises(ValueError, match=r"all of one label \(1\); there must be two labels"):
        Reviews(str(path), validation=0.0)


def test_unusable_rows_are_named_with_their_lines(tmp_path):
    path = tmp_path / "t.csv"
    rows = ["slow at first, then dull,0", '"never closed,1', "fine,1", "dull,0", "text,,"]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    source = Reviews(str(path), validation=0.0)
    assert source.split("train").names == ["t.csv row 3", "t.csv row 4"]
    lines = ["line 2: 3 cells under 2 columns", "line 3: cannot be read", "row 5: no label"]
    assert len(source.problems) == 3
    for problem, line in zip(source.problems, lines, strict=True):
        assert line in problem.reason
