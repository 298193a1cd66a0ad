"""The shipped line samples: complete, small, and equal to what `sample_page` writes."""

import unicodedata
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest

from datasets.images import load_grey
from datasets.lines.folders import LineFolder
from datasets.lines.listing import transcripts
from datasets.lines.synthetic import sample_page
from datasets.lines.synthetic.fonts import find_fonts, has_raqm, system_folders
from datasets.lines.synthetic.typesetting import ink_box

SAMPLES = Path(sample_page.__file__).parents[2] / "samples"
DEJAVU = [matplotlib.get_data_path() + f"/fonts/ttf/DejaVu{f}.ttf" for f in ("Serif", "SansMono")]


@pytest.fixture(scope="module")
def scans():
    return sample_page.make_scans(DEJAVU)


def test_every_shipped_line_decodes_and_has_the_text_of_the_sheets_as_label(scans):
    rows = list(transcripts(LineFolder(str(SAMPLES / "lines"))))
    assert [text for _, text, _ in rows] == [t for scan in scans.values() for t in scan.texts]
    assert {path.name for path, _, _ in rows} == {p.name for p in SAMPLES.glob("lines/*.png")}
    for path, text, _ in rows:
        height, width = load_grey(str(path)).shape
        assert 20 <= height <= 64 and width > 4 * len(text)


def test_labels_are_nfc_with_single_spaces_and_no_marks():
    table = (SAMPLES / "lines" / "labels.tsv").read_text(encoding="utf-8")
    assert unicodedata.is_normalized("NFC", table)
    assert "  " not in table and not set(table) & {"\r", *(chr(c) for c in range(0xE000, 0xF900))}
    for text in ("John Fell", "£4 12s. 6d.", "gentle-\n", "“A clock,”", "3rd of March, 1787"):
        assert text in table


def test_the_samples_stay_small():
    clips = SAMPLES / "clips"  # their size is tested with the videos
    files = [f for f in SAMPLES.rglob("*") if f.is_file() and f.parent != clips]
    assert (SAMPLES / "page.png").stat().st_size <= 250_000
    assert sum(f.stat().st_size for f in files) < 600_000


def test_the_shipped_page_holds_each_of_its_lines():
    page = load_grey(str(SAMPLES / "page.png"))
    number = len([line for line in sample_page.SHEETS["book"].splitlines() if line])
    of_page = sorted(SAMPLES.glob("lines/*.png"))[:number]
    tops = []
    for path in of_page:
        line = load_grey(str(path))
        _, _, (left, top), _ = cv2.minMaxLoc(cv2.matchTemplate(page, line, cv2.TM_SQDIFF))
        assert np.array_equal(page[top : top + len(line), left : left + line.shape[1]], line)
        tops.append(top)
    assert tops == sorted(tops) and len(tops) == 15


def test_a_seed_and_a_font_fix_texts_boxes_and_pixels(scans):
    again, other = sample_page.make_scans(DEJAVU), sample_page.make_scans(DEJAVU, seed=1)
    for name, scan in scans.items():
        assert (again[name].texts, again[name].boxes) == (scan.texts, scan.boxes)
        assert np.array_equal(again[name].image, scan.image)
        assert not np.array_equal(other[name].image, scan.image)


def test_the_shipped_files_are_what_the_module_writes(tmp_path):
    names = (
        "EBGaramond08-Regular",
        "EBGaramond08-Italic",
        "LiberationMono-Regular",
        "GNUTypewriter",
    )
    paths = {f.stem: str(f) for folder in system_folders() for f in folder.rglob("*.[ot]tf")}
    if not (has_raqm() and paths.keys() >= {*names}):
        pytest.skip(f"the samples are set with Raqm in {', '.join(names)}: not all are here")
    sample_page.write_samples(tmp_path, [paths[name] for name in names])
    for shipped in SAMPLES.rglob("*.png"):
        image = load_grey(str(shipped))
        made = load_grey(str(tmp_path / shipped.relative_to(SAMPLES)))
        assert made.shape == image.shape
        # another FreeType may draw an edge a shade darker
        assert np.abs(made.astype(int) - image).mean() < 4


def test_full_lines_are_justified_and_boxes_hold_the_ink(scans):
    scan = scans["book"]
    right = [box[2] for box, text in zip(scan.boxes, scan.texts, strict=True)]
    full = [right[scan.texts.index(t)] for t in scan.texts if t.startswith(("The b", "had", "all"))]
    assert max(full) - min(full) <= 4  # the skew moves them by a pixel or two
    assert right[0] < min(full) - 40  # a centred head is not stretched
    paper = scan.image.copy()
    for left, top, right_edge, bottom in scan.boxes:
        assert (scan.image[top:bottom, left:right_edge] < 110).mean() > 0.03
        paper[top:bottom, left:right_edge] = 255
    assert (paper < 110).mean() < 1e-4  # hardly any ink is outside every box


def test_turning_moves_the_boxes_with_the_ink():
    sheet = np.full((200, 600), 255, np.uint8)
    sheet[90:110, 500:560] = 0
    turned, [box] = sample_page.rotate(sheet, [(500, 90, 560, 110)], 3.0)
    top, bottom, left, right = ink_box(turned)
    assert np.allclose(box, (left, top, right, bottom), atol=2)
    assert top < 85  # counter-clockwise: the right side rises


def test_without_the_preferred_families_fonts_of_the_kind_are_used():
    fonts = find_fonts(sample_page.ALPHABET, DEJAVU)
    for name, style in sample_page.STYLES.items():
        expected = "DejaVu Serif" if name == "book" else "DejaVu Sans Mono"
        assert sample_page.choose_fonts(fonts, style)[0].family == expected
