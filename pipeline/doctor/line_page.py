"""The doctor's HTML page of lines: image, label and reading of each finding."""

import base64
import unicodedata
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from datasets.environment import raise_if_machine
from datasets.lines.reader import load_line
from datasets.output.files import write_whole
from datasets.pages.crops.modes import Crop

from ..reports.html import document, facts, heading, mark_differences, paragraph
from .line_checks import KINDS, SOFT_HYPHEN, Finding, is_control
from .line_spellings import ODD_SPACES

MAX_SHOWN = 60  # findings of a kind
HEIGHT, WIDTH = 48, 1200  # largest size of an image, in pixels
TALL_HEIGHT = 240  # largest height of an image that is higher than wide


def write_page(path: Path, findings: Sequence[Finding], lines: int, crop: Crop) -> None:
    """Write the page.

    findings: ordered by kind. lines: number of lines that were examined. crop: the shape by which
    lines of pages are cut out.
    """
    sections = [facts(totals(findings, lines))]
    for kind, group in groupby(findings, key=lambda finding: finding.kind):
        kind_findings = list(group)
        sections += [heading(f"{kind}: {len(kind_findings)}"), paragraph(KINDS[kind].advice + ".")]
        sections += [card(finding, crop) for finding in kind_findings[:MAX_SHOWN]]
        if len(kind_findings) > MAX_SHOWN:
            hidden = len(kind_findings) - MAX_SHOWN
            sections.append(paragraph(f"{hidden} more are in what --json writes."))
    lead = "What the doctor found in the lines, before anything is trained on them."
    write_whole(path, document("Lines to look at", lead, sections))


def totals(findings: Sequence[Finding], lines: int) -> dict[str, str]:
    """Return the figures at the top of the page, by name."""
    return {
        "lines": f"{lines:,}",
        "with a finding": f"{len({finding.line for finding in findings}):,}",
        "to leave out": f"{len({f.line.path for f in findings if f.leave_out}):,}",
        "kinds of findings": str(len({finding.kind for finding in findings})),
    }


def card(finding: Finding, crop: Crop) -> str:
    """Return the HTML of one finding: image, label, and the reading with differences marked."""
    line, other, reading = finding.line, finding.other, finding.reading
    label, marked_reading = escape(visible(line.text or "")), ""
    if reading is not None:
        marked, label = mark_differences(visible(reading), visible(line.text or ""))
        marked_reading = f'<p class="text" dir="auto" title="reading">{marked}</p>'
    images = "" if finding.kind in ("unreadable", "no image") else image_tag(line.path, crop)
    other_text = ""
    if other is not None and other.path != line.path:
        images += image_tag(other.path, crop)
        text = escape(visible(other.text or ""))
        other_text = f'<p class="text target" title="other">{text}</p>'
    left = "left out by --fix" if finding.leave_out else "kept"
    return (
        f'<article class="line"><div class="name">{escape(Path(line.path).name)}<br>'
        f'<span class="edits">{escape(line.split)}<br>{left}</span></div>'
        f"<div>{images}{marked_reading}"
        f'<p class="text target" dir="auto" title="label">{label}</p>{other_text}'
        f'<p class="name">{escape(visible(finding.reason))}</p></div></article>'
    )


def visible(text: str) -> str:
    """Return a text with visible substitutes for spaces at its ends, controls and the like."""
    shown = []
    for index, character in enumerate(text):
        if character in ODD_SPACES or character == SOFT_HYPHEN or is_control(character):
            shown.append(f"‹U+{ord(character):04X}›")
        elif character == " " and (index in (0, len(text) - 1) or text[index - 1] == " "):
            shown.append("␣")
        elif unicodedata.combining(character) and index == 0:
            shown.append("◌" + character)
        else:
            shown.append(character)
    return "".join(shown)


def image_tag(path: str, crop: Crop) -> str:
    """Return an <img> with a small embedded PNG, or a note if the file is not an image."""
    try:
        image = load_line(path, crop)
    except (OSError, ValueError) as error:
        raise_if_machine(error, path)
        return '<p class="no">no image</p>'
    rows, columns = image.shape
    max_height = TALL_HEIGHT if rows > columns else HEIGHT
    scale = min(1.0, max_height / rows, WIDTH / columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    data = base64.b64encode(np.asarray(cv2.imencode(".png", small)[1]).tobytes()).decode()
    return (
        f'<img src="data:image/png;base64,{data}" alt="{escape(Path(path).name)}" '
        f'width="{size[0]}" height="{size[1]}">'
    )
