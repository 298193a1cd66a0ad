"""Names and labels in terminals and tables: one line each, nothing that a terminal obeys."""

import io
import json
import unicodedata

import pytest
from rich.table import Table

from datasets.output.text import cell_text, clean, make_console, print_error, table_cell, to_json

EVIL = "a\x1b[2Jb\nc\r\td\x9b31me\u2028f\u202eg\x7f"


def test_a_text_becomes_one_line_without_controls():
    assert clean(EVIL) == r"a\x1b[2Jb c  d\x9b31me f\u202eg\x7f"
    assert clean("שלום, naïve 日本 — e\u0301\u200f") == "שלום, naïve 日本 — e\u0301\u200f"


def test_no_control_character_passes():
    every = "".join(map(chr, range(0x3000)))
    left = {c for c in clean(every) if unicodedata.category(c) in ("Cc", "Zl", "Zp")}
    assert left == set() and len(clean(every).splitlines()) == 1


def test_json_has_the_same_content_without_raw_controls():
    line = to_json({"input": EVIL, "text": "naïve"})
    assert json.loads(line) == {"input": EVIL, "text": "naïve"} and "naïve" in line
    assert clean(line) == line


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("-walk", "'-walk"),
        ("@cmd", "'@cmd"),
        ("\t=1+1", "' =1+1"),
        ("-0.5", "-0.5"),
        (-0.5, -0.5),
        ("walk=fast", "walk=fast"),
        ("'=1+1", "''=1+1"),
        ("' -x", "'' -x"),
        ("'tis", "'tis"),
        ("'-0.5", "''-0.5"),
        (EVIL, clean(EVIL)),
    ],
)
def test_a_cell_is_no_formula_and_is_read_as_it_was(value, cell):
    assert table_cell(value) == cell
    assert not isinstance(value, str) or cell_text(cell) == clean(value)


def test_an_error_is_one_line(capsys):
    print_error(ValueError(f"{EVIL}: broken"))
    assert capsys.readouterr().err == f"error: {clean(EVIL)}: broken\n"


def test_a_console_cleans_what_it_shows_and_keeps_its_own_colours():
    file = io.StringIO()
    console = make_console(file=file, force_terminal=True, width=80, color_system="standard")
    table = Table("label")
    table.add_row("x\x1b]0;title\x07y")
    console.print(table)
    console.print("[red]a\x1b[2Jb[/red]", style="green")
    shown = file.getvalue()
    assert "\x1b]0" not in shown and "\x07" not in shown and "\x1b[2J" not in shown
    assert r"\x1b[2J" in shown and "[red]" in shown and "\x1b[32m" in shown
