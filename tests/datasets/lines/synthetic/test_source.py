"""Synthetic lines: labels match the images, and samples depend on seed, split, index and epoch."""

import unicodedata

import numpy as np
import pytest

from datasets.lines.synthetic.degradation import LOOKS
from datasets.lines.synthetic.fonts import find_fonts
from datasets.lines.synthetic.source import KINDS, SyntheticLines, render_scan
from datasets.lines.synthetic.texts import curl_quotes, read_texts
from datasets.lines.synthetic.typesetting import SMALL_CAPS
from tests.support.typefaces import DEJAVU, LETTERS, SERIF


def source(**options) -> SyntheticLines:
    return SyntheticLines(**{"count": 40, "validation": 8, "test": 0, "fonts": [DEJAVU]} | options)


def texts(dataset, count: int) -> list[str]:
    return [dataset.draw(i)[0] for i in range(count)]


def test_a_sample_is_a_pure_function_of_seed_split_and_index():
    first, second, other = source().split("train"), source().split("train"), source(seed=1)
    for i in (0, 7, 39):
        (_, a), (_, b) = first[i], second[i]
        assert np.array_equal(a.inputs, b.inputs) and np.array_equal(a.target, b.target)
    assert texts(other.split("train"), 9) != texts(first, 9)
    assert texts(first.source.split("validation"), 8) != texts(first, 8)


def test_epochs_are_fresh_in_train_and_alike_in_validation():
    for name, fresh in (("train", True), ("validation", False)):
        split = source().split(name)
        before = [split.draw(i)[1] for i in range(8)]
        split.epoch = 1
        after = [split.draw(i)[1] for i in range(8)]
        same = list(map(np.array_equal, before, after))
        assert not any(same) if fresh else all(same)


ALPHABETS = [LETTERS, LETTERS + "éçö½&\u201c\u201d\u2019\u2014¹", "0123456789", "ab "]


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_labels_stay_in_the_alphabet_and_survive_encoding(alphabet):
    lines = source(alphabet=alphabet)
    split = lines.split("train")
    assert "".join(lines.labels) == alphabet  # in the order of their ids
    for i in range(len(split)):
        text, _ = split.draw(i)
        assert text.strip() == text != ""
        assert set(text) <= set(alphabet)
        assert unicodedata.is_normalized("NFC", text)
        if i < 10:
            assert lines.vocabulary.decode(split.read(i).target) == text


def test_rare_symbols_of_the_alphabet_occur():
    lines, rng = source(alphabet=LETTERS + "é¼£&%#@*=/"), np.random.default_rng(0)
    font = lines.faces[0]
    drawn = [lines.make_text(rng, kind, 30, "book", font) for kind in KINDS for _ in range(150)]
    assert set("é¼£&%#@*=/") <= set("".join(drawn))


def test_inputs_are_dark_ink_on_light_paper_and_wide_enough_for_ctc():
    split = source().split("train")
    for i in range(len(split)):
        _, (inputs, target) = split[i]
        assert inputs.dtype == np.uint8 and inputs.shape[1:] == (1, 40)
        assert len(inputs) >= 4 * len(target)
        assert np.percentile(inputs, 2) + 20 < np.median(inputs)
    assert (split.sizes > 0).all()
    assert len(split.sizes) == len(split.names) == len(split.groups) == 40
    true = np.array([len(split.read(i).inputs) for i in range(40)])
    assert 0.6 < true.sum() / split.sizes.sum() < 1.6
    assert np.corrcoef(true, split.sizes)[0, 1] > 0.8


def test_augmentation_sees_the_grey_image_and_its_result_is_used():
    split = source().split("train")
    shapes = []

    def replace(image):
        shapes.append((image.ndim, image.dtype))
        return np.tile(np.uint8([[255, 255, 0]]), (40, 11))

    split.augmentation = replace
    assert len(split.read(0).inputs) == 33
    assert shapes == [(2, np.uint8)]


def test_the_text_is_cut_from_the_files_without_their_markup(tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("zyx <br /><br />wvu zyx wvu\n\nzyx &amp; wvu\n", encoding="utf-8")
    split = source(texts=[str(file)], alphabet=LETTERS + "<>/&").split("train")
    prose = [split.draw(i)[0] for i in range(40) if split.kinds[i] == "prose"]
    assert len(prose) > 5
    assert all("br" not in t for t in prose)
    assert set("".join(prose)) - set("zyxwvu ZYXWVU-&") <= set("<>/.,'0123456789")
    assert any("zyx" in t for t in prose)


def test_missing_or_useless_text_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        source(texts=[str(tmp_path / "nowhere.txt")])
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(ValueError, match=r"empty\.txt: no text"):
        read_texts([str(tmp_path / "empty.txt")])


def test_fonts_that_cannot_set_the_alphabet_are_refused_with_the_folder(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path.name}: none of 0 font files"):
        source(fonts=[str(tmp_path)])
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(ValueError, match=rf"{tmp_path.name}: none of 1 .*broken\.ttf unreadable"):
        source(fonts=[str(tmp_path)])
    with pytest.raises(ValueError, match="has 0 of the alphabet's 3"):
        find_fonts("漢字語", [SERIF])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        source(fonts=[str(tmp_path / "nowhere")])


def test_few_families_are_shared_and_many_are_kept_apart():
    few = source(fonts=[SERIF], validation=20)
    assert set(few.split("train").groups) == set(few.split("validation").groups)
    many = source(count=300, validation=300)
    many.faces = [many.faces[0]._replace(family=f"family {i}") for i in range(20)]
    train, validation = (set(many.split(name).groups) for name in ("train", "validation"))
    assert len(validation) == 2 and len(train) == 18  # the test split is empty and takes none
    assert not train & validation


def test_render_scan_draws_marked_text_in_every_look(serif):
    for look in LOOKS:
        image = render_scan(np.random.default_rng(3), f"{SMALL_CAPS}Jebb, p. 3", serif, None, look)
        assert image.ndim == 2 and 16 <= image.shape[0] <= 64


def test_quotes_open_or_close_by_the_character_before():
    curled = "\u201cIt\u2019s \u2018so\u2019,\u201d he said"
    assert curl_quotes("\"It's 'so',\" he said") == curled


def test_kinds_and_look_can_be_chosen():
    chosen = source(count=60, kinds=["prose", "title"], look="letter").split("train")
    assert set(chosen.kinds) == {"prose", "title"} and set(chosen.looks) == {"letter"}
    assert set(source(count=300).split("train").looks) > {"letter", "book"}
    with pytest.raises(ValueError, match="kinds: none are left"):
        source(kinds=[])


def test_long_s_is_set_where_the_alphabet_has_it(tmp_path):
    (tmp_path / "texts.txt").write_text("das Wasser ist so\n" * 3, encoding="utf-8")
    options = {"texts": [str(tmp_path / "texts.txt")], "kinds": ["prose"], "long_s": True}
    old = source(alphabet=LETTERS + "ſ", **options).split("train")
    words = {word for i in range(20) for word in old.draw(i)[0].split()}
    assert "Waſſer" in words and not words & {"Wasser", "ist"}
    modern = source(alphabet=LETTERS, **options).split("train")
    assert not any("ſ" in modern.draw(i)[0] for i in range(20))


def test_only_script_fonts_on_letters_have_varied_letters(serif, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "datasets.lines.synthetic.source.vary_letters",
        lambda rng, image, size: calls.append(1) or image,
    )
    for font in (serif, serif._replace(kind="script")):
        for look in LOOKS:
            render_scan(np.random.default_rng(3), "Jebb", font, None, look)
    assert len(calls) == 1
