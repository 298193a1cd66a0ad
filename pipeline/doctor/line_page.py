"""The doctor's page of lines: image, label and reading of each finding, in one HTML file."""

import base64
import unicodedata
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from datasets.lines.reader import load_line

from ..reports.html import document, facts, heading, mark_differences, paragraph
from .line_checks import KINDS, SOFT_HYPHEN, Finding, is_control
from .line_spellings import SPACES, ZERO_WIDTH

MOST = 60  # findings of a kind that are shown
HEIGHT, WIDTH = 48, 1200  # pixels of a picture, at most
TALL = 240  # of one that is higher than wide


def write_page(path: Path, findings: Sequence[Finding], lines: int) -> None:
    """findings: in the order of their kinds. lines: all that were examined."""
    sections = [facts(tiles(findings, lines))]
    for kind, found in groupby(findings, key=lambda finding: finding.kind):
        these = list(found)
        sections += [heading(f"{kind}: {len(these)}"), paragraph(KINDS[kind].advice + ".")]
        sections += [card(finding) for finding in these[:MOST]]
        if len(these) > MOST:
            sections.append(paragraph(f"{len(these) - MOST} more are in what --json writes."))
    lead = "What the doctor found in the lines, before anything is trained on them."
    path.write_text(document("Lines to look at", lead, sections), encoding="utf-8")


def tiles(findings: Sequence[Finding], lines: int) -> dict[str, str]:
    return {
        "lines": f"{lines:,}",
        "with a finding": f"{len({finding.line for finding in findings}):,}",
        "to leave out": f"{len({one.line.path for one in findings if one.leave_out}):,}",
        "kinds of findings": str(len({finding.kind for finding in findings})),
    }


def card(finding: Finding) -> str:
    """The image, the label, and where it differs the reading below it with the edits marked."""
    line, other, reading = finding.line, finding.other, finding.reading
    label, read = escape(visible(line.text or "")), ""
    if reading is not None:
        marked, label = mark_differences(visible(reading), visible(line.text or ""))
        read = f'<p class="text" dir="auto" title="reading">{marked}</p>'
    pictures = "" if finding.kind in ("unreadable", "no image") else picture(line.path)
    beside = ""
    if other is not None and other.path != line.path:
        pictures += picture(other.path)
        beside = f'<p class="text target" title="other">{escape(visible(other.text or ""))}</p>'
    left = "left out by --fix" if finding.leave_out else "kept"
    return (
        f'<article class="line"><div class="name">{escape(Path(line.path).name)}<br>'
        f'<span class="edits">{escape(line.split)}<br>{left}</span></div><div>{pictures}{read}'
        f'<p class="text target" dir="auto" title="label">{label}</p>{beside}'
        f'<p class="name">{escape(visible(finding.reason))}</p></div></article>'
    )


def visible(text: str) -> str:
    """A text whose odd characters show: spaces at its ends, controls and the like by their code."""
    shown = []
    for place, character in enumerate(text):
        at_end = place in (0, len(text) - 1) or text[place - 1] == " "
        odd = character in SPACES or character in ZERO_WIDTH or character in ("\t", SOFT_HYPHEN)
        if odd or is_control(character):
            shown.append(f"‹U+{ord(character):04X}›")
        elif character == " " and at_end:
            shown.append("␣")
        elif unicodedata.combining(character) and place == 0:
            shown.append("◌" + character)
        else:
            shown.append(character)
    return "".join(shown)


def picture(path: str) -> str:
    """A small PNG inside the page; a note in its place if the file is no image."""
    try:
        image = load_line(path)
    except (OSError, ValueError):
        return '<p class="no">no image</p>'
    rows, columns = image.shape
    most = (TALL if rows > columns else HEIGHT) / rows
    scale = min(1.0, most, WIDTH / columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    data = base64.b64encode(np.asarray(cv2.imencode(".png", small)[1]).tobytes()).decode()
    return (
        f'<img src="data:image/png;base64,{data}" alt="{escape(Path(path).name)}" '
        f'width="{size[0]}" height="{size[1]}">'
    )
