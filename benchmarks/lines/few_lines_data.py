"""Lines of a new typeface on disk, for `benchmarks.lines.few_lines`: made here, or real ones.

A set of lines is three tables, `train.tsv`, `validation.tsv` and `test.tsv`: file TAB text TAB
group. Few lines are the first ones of `train.tsv`.
"""

import string
from collections.abc import Iterable
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from fontTools.ttLib import TTFont

from datasets import SyntheticLines
from datasets.lines.listing import transcripts
from datasets.lines.source import RealLines
from datasets.lines.tables import read_table
from datasets.output.text import print_notes
from datasets.source import SPLITS
from pipeline.evaluation.config_folders import folders_of_config

# mathematical Fraktur in Unicode has its five oldest letters elsewhere
OLDER = dict(zip("CHIRZ", (0x212D, 0x210C, 0x2111, 0x211C, 0x2128), strict=True))
FRAKTUR = {c: 0x1D504 + place for place, c in enumerate(string.ascii_uppercase)} | OLDER
FRAKTUR |= {c: 0x1D51E + place for place, c in enumerate(string.ascii_lowercase)}


def make_blackletter(path: Path) -> Path:
    """A text font of the mathematical Fraktur letters in STIX, which comes with matplotlib.

    No text font has them at these letters' places, so no rendered training line ever showed them.
    """
    with TTFont(Path(matplotlib.get_data_path()) / "fonts/ttf/STIXGeneral.ttf") as font:
        glyphs = font.getBestCmap()
        for table in font["cmap"].tables:
            if table.isUnicode():
                table.cmap |= {ord(c): glyphs[code] for c, code in FRAKTUR.items()}
        for record in font["name"].names:
            if record.nameID in (1, 4, 16):
                record.string = "Blackletter from STIX"
        for tag in ("GSUB", "GPOS", "GDEF"):  # they speak of the letters that are gone
            del font[tag]
        path.parent.mkdir(parents=True, exist_ok=True)
        font.save(path)
    return path


def write_table(path: Path, rows: Iterable[tuple[str, str, str]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


def make_lines(folder: Path, fonts: list[str], train: int, validation: int, test: int) -> None:
    """Render lines in these fonts, with the wear of scans; each is a group of its own."""
    source = SyntheticLines(train, fonts=fonts, validation=validation, test=test)
    for split in SPLITS:
        lines, rows = source.split(split), []
        for place in range(len(lines)):
            text, image = lines.draw(place)
            name = f"{split}_{place}.png"
            cv2.imwrite(str(folder / name), image)
            rows.append((name, text, name))
        write_table(folder / f"{split}.tsv", rows)


def take_lines(folder: Path, config: str) -> None:
    """The splits of a config's folders of real lines, those to train on in a random order.

    Each line stands there once, whatever the weight of its folder.
    """
    folders = folders_of_config(Path(config))
    # every character of the labels: else test lines with one of their own would be left out
    letters = {letter for each in folders for _, text, _ in transcripts(each) for letter in text}
    source = RealLines(folders, alphabet="".join(sorted(letters)))
    if source.problems:
        first = source.problems[0].reason
        print_notes(f"{config}: {len(source.problems)} lines cannot be used; the first: {first}")
    for split in SPLITS:
        lines = source.lines[split]
        order = np.random.default_rng(0).permutation(len(lines))
        rows = [(str(Path(lines[i].path).resolve()), lines[i].text, lines[i].group) for i in order]
        write_table(folder / f"{split}.tsv", rows)


def write_few(folder: Path, count: int) -> Path:
    """A label file with the first lines to train on, and those of the group `validation`."""
    few = read_table(folder / "train.tsv", 3)[:count]
    chosen = [(path, text, "train") for path, text, _ in few]
    kept = read_table(folder / "validation.tsv", 3)
    path = folder / f"few_{count}.tsv"
    write_table(path, chosen + [(path, text, "validation") for path, text, _ in kept])
    return path
