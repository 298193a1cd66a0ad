"""Errors planted in lines that are right: one function a kind, each spoils one line of a list."""

import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

STRANGE = "".join(map(chr, range(0x416, 0x450)))  # Cyrillic: no alphabet of Latin lines has it
CONTROLS = "\x07\x1b\u202e\ufffd"
SPACES = ("\u00a0", "  ", "\u200b")


@dataclass
class Row:
    """A line to be written. text: None writes no row of the table. data: bytes of the image file
    instead of `image`; b"" writes none.
    """

    name: str
    text: str | None
    group: str
    image: np.ndarray
    data: bytes | None = None
    folder: str = "one"


Plant = Callable[[np.random.Generator, list[Row], int], None]


def write_rows(rows: list[Row], root: Path) -> list[Path]:
    """-> the folders, each with its labels.tsv."""
    folders = sorted({root / row.folder for row in rows})
    for folder in folders:
        folder.mkdir(parents=True)
        table = "".join(
            f"{row.name}\t{row.text}\t{row.group}\n"
            for row in rows
            if row.text is not None and root / row.folder == folder
        )
        (folder / "labels.tsv").write_text(table, encoding="utf-8")
    for row in rows:
        data = png(row.image) if row.data is None else row.data
        if data:
            (root / row.folder / row.name).write_bytes(data)
    return folders


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def unreadable(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    whole = png(rows[place].image)
    cut = whole[: int(len(whole) * rng.uniform(0.3, 0.95))]
    rows[place].data = b"no image\n" if rng.random() < 0.3 else cut


def no_image(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    rows[place].data = b""


def no_transcript(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    rows[place].text = None


def empty(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    rows[place].text = str(rng.choice(["", " ", "\u200b"]))


def blank(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    """Paper of the line's own grey: with grain, growing darker, or with a few specks."""
    image = rows[place].image
    paper = np.full(image.shape, float(np.percentile(image, 90)))
    way = rng.integers(3)
    if way == 0:
        paper += rng.normal(0, rng.uniform(0, 8), image.shape)
    elif way == 1:
        paper -= np.linspace(0, rng.uniform(0, 60), image.shape[1])
    for _ in range(6 if way == 2 else 0):
        y, x = rng.integers(max(image.shape[0] - 2, 1)), rng.integers(max(image.shape[1] - 2, 1))
        paper[y : y + 2, x : x + 2] = 0
    rows[place].image = np.clip(paper, 0, 255).astype(np.uint8)


def on_its_side(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    rows[place].image = np.ascontiguousarray(np.rot90(rows[place].image, rng.choice([1, 3])))


def upside_down(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    rows[place].image = np.ascontiguousarray(np.rot90(rows[place].image, 2))


def several_lines(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    """A line of the same page or book below it, with the text of the first or of both."""
    same = [r for r in rows if r.group == rows[place].group and r is not rows[place]] or rows
    below = same[int(rng.integers(len(same)))]
    widest = max(rows[place].image.shape[1], below.image.shape[1])
    rows[place].image = np.vstack([widen(rows[place].image, widest), widen(below.image, widest)])
    if rng.random() < 0.5:
        rows[place].text = f"{rows[place].text} {below.text}"


def widen(image: np.ndarray, columns: int) -> np.ndarray:
    paper = int(np.percentile(image, 90))
    return np.pad(image, ((0, 0), (0, columns - image.shape[1])), constant_values=paper)


def too_long(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    """The text of the following lines belongs to it too, until it is four times as long."""
    text, at = rows[place].text or "", place
    most = 4 * len(text)
    while len(text) < most:
        at = (at + 1) % len(rows)
        text += f" {rows[at].text}"
    rows[place].text = text


def too_short(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    """A quarter of the text is left."""
    text = rows[place].text or ""
    rows[place].text = text[: max(1, len(text) // 4)].strip() or text[:1]


def duplicate(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    """The same picture under another name, in another folder."""
    row = rows[place]
    rows.append(Row(f"copy_{row.name}", row.text, row.group, row.image.copy(), folder="two"))


def near_duplicate(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    """Scanned anew: another size, grey, cut and compression."""
    image = rows[place].image
    height, width = image.shape
    scale = rng.uniform(0.85, 1.2)
    size = (max(round(width * scale), 8), max(round(height * scale), 8))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    image = cv2.convertScaleAbs(image, alpha=rng.uniform(0.75, 1), beta=rng.uniform(0, 40))
    image = np.pad(image, rng.integers(0, 4, (2, 2)).tolist(), mode="edge")
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 90))])[1]
    again = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    row = rows[place]
    rows.append(Row(f"copy_{row.name}", row.text, row.group, again, folder="two"))


def put(text: str, place: int, new: str, over: int = 1) -> str:
    return text[:place] + new + text[place + over :]


def strange_character(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    """One letter is a letter of another script, another one in each line."""
    text = rows[place].text or ""
    used = sum(any(c in STRANGE for c in row.text or "") for row in rows)
    rows[place].text = put(text, int(rng.integers(len(text))), STRANGE[used % len(STRANGE)])


def not_composed(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    """One vowel, or a new one at the end, is followed by its accent as a mark of its own."""
    text = rows[place].text or ""
    vowels = [at for at, c in enumerate(text) if c in "aeiou"]
    at = int(rng.choice(vowels)) if vowels else len(text)
    rows[place].text = put(text, at, f"{text[at : at + 1] or 'e'}\u0301")


def mixed_form(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    """The hyphens or quotes of the text in the other form; a hyphen at its end if it has none."""
    text = rows[place].text or ""
    changed = text.translate(str.maketrans({"'": "’", "’": "'", "-": "\u2010"}))
    rows[place].text = changed if changed != text else text + "\u2010"


def odd_space(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    text = rows[place].text or ""
    ways = [f" {text}", f"{text} "]
    if " " in text:
        ways += [text.replace(" ", space, 1) for space in SPACES]
    rows[place].text = ways[int(rng.integers(len(ways)))]


def control_character(rng: np.random.Generator, rows: list[Row], place: int) -> None:
    text = rows[place].text or ""
    at = int(rng.integers(len(text) + 1))
    rows[place].text = put(text, at, CONTROLS[int(rng.integers(len(CONTROLS)))], 0)


def misspelt(rng: np.random.Generator, text: str) -> str:
    """One letter is another letter."""
    letters = [at for at, c in enumerate(text) if c.isalpha()] or [0]
    at = int(rng.choice(letters))
    others = [c for c in string.ascii_lowercase if c != text[at].lower()]
    return put(text, at, str(rng.choice(others)))


# the kind that the doctor should name -> what plants it
PLANTS: dict[str, Plant] = {
    "unreadable": unreadable,
    "no image": no_image,
    "no transcript": no_transcript,
    "empty transcript": empty,
    "blank": blank,
    "on its side": on_its_side,
    "upside down": upside_down,
    "several lines": several_lines,
    "too long": too_long,
    "too short": too_short,
    "duplicate": duplicate,
    "near duplicate": near_duplicate,
    "strange character": strange_character,
    "not composed": not_composed,
    "mixed forms": mixed_form,
    "odd spaces": odd_space,
    "control characters": control_character,
}
