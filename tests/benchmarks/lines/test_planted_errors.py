"""The benchmark of the doctor: what is planted is what it says, and its counts are right."""

import cv2
import numpy as np
import pytest

from benchmarks.lines import planted_errors
from benchmarks.lines.planted_errors import Found, Ranked, doubt_table, mechanical, mechanical_table
from benchmarks.lines.planted_lines import PLANTS, Row, misspelt, write_rows
from tests.support.drawn_lines import draw, sentence


def page(count: int = 20) -> list[Row]:
    texts = [sentence(seed) for seed in range(count)]
    return [Row(f"{i:02d}.png", t, f"g{i % 4}", draw(t, i)) for i, t in enumerate(texts)]


@pytest.mark.parametrize("kind", list(PLANTS))
def test_each_kind_changes_the_line_it_is_given(kind, tmp_path):
    for seed in range(4):
        rows, before = page(4), page(4)
        PLANTS[kind](np.random.default_rng(seed), rows, 1)
        same = [
            a.text == b.text and a.data == b.data and np.array_equal(a.image, b.image)
            for a, b in zip(rows, before, strict=False)
        ]
        copies = kind in ("duplicate", "near duplicate")
        assert same == [True, copies, True, True] and len(rows) == 4 + copies
    write_rows(rows, tmp_path)
    if copies:
        assert (tmp_path / "two" / "copy_01.png").is_file()
    elif kind == "unreadable":
        data = (tmp_path / "one" / "01.png").read_bytes()
        assert data[-12:] != cv2.imencode(".png", before[1].image)[1].tobytes()[-12:]
    elif kind == "no image":
        assert not (tmp_path / "one" / "01.png").exists()


def test_a_misspelt_text_has_one_other_letter():
    for seed in range(20):
        text = misspelt(np.random.default_rng(seed), "A b, c.")
        assert sum(a != b for a, b in zip(text, "A b, c.", strict=True)) == 1


def test_what_the_doctor_names_is_counted(monkeypatch):
    rows = page()
    rows[0].text = f" {rows[0].text}"  # wrong before anything is planted
    spaces, copies = mechanical(rows, ["odd spaces", "duplicate"], None, 0.2, 0)
    assert (spaces.planted, spaces.found, spaces.missed) == (4, 4, [])
    assert spaces.others == spaces.before <= 1
    assert (copies.planted, copies.found, copies.others) == (4, 4, 0)
    monkeypatch.setitem(planted_errors.PLANTS, "odd spaces", lambda rng, rows, place: None)
    (nothing,) = mechanical(rows[1:], ["odd spaces"], None, 0.2, 0)
    assert (nothing.planted, nothing.found, len(nothing.missed)) == (4, 0, 4)


def test_the_tables_hold_recall_precision_and_shares():
    table = mechanical_table([Found("blank", 8, 6, 2, 1, [])])
    assert "| blank | 8 | 6 | 75.0 | 2 | 1 | 75.0 |" in table
    assert "| swapped | 40 | 38 | 95.0 | 10 | 25.0 |" in doubt_table(
        [Ranked("swapped", 40, 38, 10)]
    )
