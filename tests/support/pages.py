"""Pages with their files, as Transkribus, eScriptorium and Tesseract write them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from datasets.lines.synthetic.fonts import find_fonts
from datasets.lines.synthetic.typesetting import LINE_HEIGHT, Font, paste, render_line
from tests.support.images import write_image

TEXTS = ["the first line", "and one more", "a third", "here it ends"]
PAGE = "http://schema.primaresearch.org/PAGE/gts/pagecontent"


def typeset_page(
    rng: np.random.Generator, texts: Sequence[str], font: Font, size: int = 44
) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """Render lines as a page (H, W) uint8 -> each line's ink box (left, top, right, bottom)."""
    lines = [render_line(rng, text, font, size=size) for text in texts]
    margin, pitch = 2 * size, round(1.35 * size)
    height = 2 * margin + pitch * (len(lines) - 1) + round(LINE_HEIGHT * size)
    page = np.full((height, 2 * margin + max(line.shape[1] for line in lines)), 255, np.uint8)
    boxes = [paste(page, line, margin + row * pitch, margin) for row, line in enumerate(lines)]
    return page, boxes


def set_page(path: Path, texts: list[str] = TEXTS) -> list[tuple[int, int, int, int]]:
    """Writes a page's image -> each line's ink box (left, top, right, bottom)."""
    font = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf"
    serif = find_fonts("abc", [str(font)])[0]
    image, boxes = typeset_page(np.random.default_rng(0), texts, serif, size=24)
    write_image(path, image)
    return boxes


def corners(box: tuple[int, int, int, int]) -> str:
    left, top, right, bottom = box
    return f"{left},{top} {right},{top} {right},{bottom} {left},{bottom}"


def transkribus(path: Path, texts: list[str | None] = TEXTS, image: str | None = None) -> Path:
    """PAGE 2013: two regions that are read in the other order than they stand, and words."""
    boxes = set_page(path.with_suffix(".png"), [text or "nothing" for text in texts])
    lines = []
    for place, (text, box) in enumerate(zip(texts, boxes, strict=True)):
        said = "" if text is None else f"<TextEquiv><Unicode>{text}</Unicode></TextEquiv>"
        lines.append(f"""
      <TextLine id="l{place}" custom="readingOrder {{index:{place % 2};}}">
        <Coords points="{corners(box)}"/>
        <Baseline points="{box[0]},{box[3] - 5} {box[2]},{box[3] - 5}"/>
        {said}
      </TextLine>""")
    half = len(lines) // 2
    path.write_text(f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!-- made by hand -->
<PcGts xmlns="{PAGE}/2013-07-15" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="{PAGE}/2013-07-15 {PAGE}/2013-07-15/pagecontent.xsd">
  <Metadata><Creator>prov=READ</Creator></Metadata>
  <Page imageFilename="{image or path.with_suffix(".png").name}" imageWidth="0" imageHeight="0">
    <ReadingOrder><OrderedGroup id="ro"><RegionRefIndexed index="1" regionRef="below"/>
      <RegionRefIndexed index="0" regionRef="above"/></OrderedGroup></ReadingOrder>
    <TextRegion id="below" type="paragraph"><Coords points="0,0 9,0 9,9"/>{"".join(lines[half:])}
      <TextEquiv><Unicode>old</Unicode></TextEquiv>
    </TextRegion>
    <TextRegion id="above"><Coords points="0,0 9,0 9,9"/>{"".join(reversed(lines[:half]))}
    </TextRegion>
  </Page>
</PcGts>
""", encoding="utf-8")  # fmt: skip
    return path


def escriptorium(path: Path, texts: list[str] = TEXTS) -> Path:
    """ALTO 4 with baselines and polygons; one String holds a line."""
    boxes = set_page(path.with_suffix(".png"), texts)
    lines = []
    for place, (text, box) in enumerate(zip(texts, boxes, strict=True)):
        left, top, right, bottom = box
        at = f'HPOS="{left}" VPOS="{top}" WIDTH="{right - left}" HEIGHT="{bottom - top}"'
        base = f"{left} {bottom - 5} {right} {bottom - 5}"
        lines.append(f"""
        <TextLine ID="l{place}" TAGREFS="LT1" BASELINE="{base}" {at}>
          <Shape><Polygon POINTS="{corners(box).replace(",", " ")}"/></Shape>
          <String CONTENT="{text}" {at}></String>
        </TextLine>""")
    return _alto(path, "pixel", "", "".join(lines))


def tesseract(path: Path, texts: list[str] = TEXTS, unit: str = "pixel", scale: float = 1) -> Path:
    """ALTO 3 with boxes only, a String a word; a final hyphen is a HYP. scale: pixels to units."""
    boxes = set_page(path.with_suffix(".png"), texts)
    lines = []
    for place, (text, box) in enumerate(zip(texts, boxes, strict=True)):
        left, top, right, bottom = (value * scale for value in box)
        at = f'HPOS="{left}" VPOS="{top}" WIDTH="{right - left}" HEIGHT="{bottom - top}"'
        words = [f'<String CONTENT="{w}" {at} WC="0.5"/>' for w in text.removesuffix("-").split()]
        said = f'<SP WIDTH="9" VPOS="{top}" HPOS="{left}"/>'.join(words)
        said += '<HYP CONTENT="-"/>' if text.endswith("-") else ""
        lines.append(f'\n        <TextLine ID="line_{place}" {at}>{said}</TextLine>')
    high, wide = cv2.imread(str(path.with_suffix(".png")), 0).shape
    size = f'WIDTH="{wide * scale}" HEIGHT="{high * scale}"'
    return _alto(path, unit, size, "".join(lines))


def _alto(path: Path, unit: str, size: str, lines: str) -> Path:
    path.write_text(f"""<?xml version="1.0" encoding="UTF-8"?>
<a:alto xmlns:a="http://www.loc.gov/standards/alto/ns-v4#" \
xmlns:xlink="http://www.w3.org/1999/xlink">
  <a:Description><a:MeasurementUnit>{unit}</a:MeasurementUnit><a:sourceImageInformation>
    <a:fileName>somewhere/{path.with_suffix(".png").name}</a:fileName>
  </a:sourceImageInformation></a:Description>
  <a:Layout><a:Page ID="p" PHYSICAL_IMG_NR="0" {size}><a:PrintSpace>
      <a:TextBlock ID="block">{_prefixed(lines)}
      </a:TextBlock></a:PrintSpace></a:Page></a:Layout>
</a:alto>
""", encoding="utf-8")  # fmt: skip
    return path


def _prefixed(lines: str) -> str:
    return lines.replace("</", "</a:").replace("<", "<a:").replace("<a:/a:", "</a:")


PRINTED = ["happy typing of old books", "highly spiky glyphs by day", "plough the deep fields"]
X_HEIGHT, DESCENT = 13, 6  # pixels, of the type of `set_page`


def bent_page(
    path: Path, bend: Callable[[np.ndarray], np.ndarray], cut: bool, baselines: bool = True
) -> list[np.ndarray]:
    """PAGE of lines that all have ascenders and descenders -> the ink (H, W) bool of each line.

    bend: columns -> rows by which they are lower. cut: polygons hold the small letters' height
    only, else whole letters.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    boxes = set_page(path.with_suffix(".png"), PRINTED)
    flat = np.pad(cv2.imread(str(path.with_suffix(".png")), 0), ((60, 60), (0, 0)), "edge")
    rows = np.arange(len(flat))[:, None]
    lower = np.round(bend(np.arange(flat.shape[1]))).astype(int)
    write_image(path.with_suffix(".png"), np.take_along_axis(flat, (rows - lower) % len(flat), 0))
    inks, lines = [], []
    for place, (left, top, right, bottom) in enumerate(np.add(boxes, (0, 60, 0, 60)).tolist()):
        ink = np.zeros(flat.shape, bool)
        ink[top:bottom, left:right] = flat[top:bottom, left:right] < 128
        inks.append(np.take_along_axis(ink, (rows - lower) % len(flat), 0))
        base = bottom - DESCENT
        edges = (base - X_HEIGHT, base) if cut else (top - 2, bottom + 2)
        x = np.append(np.arange(left - 4, right + 4, 12), right + 4)
        upper, under, line = (
            [f"{a},{b}" for a, b in zip(x, y + lower[x], strict=True)] for y in (*edges, base)
        )
        baseline = f'<Baseline points="{" ".join(line)}"/>' if baselines else ""
        lines.append(f"""<TextLine id="l{place}"><Coords points="{" ".join(upper + under[::-1])}"/>
{baseline}<TextEquiv><Unicode>{PRINTED[place]}</Unicode></TextEquiv></TextLine>""")
    high, wide = flat.shape
    path.write_text(f"""<PcGts xmlns="{PAGE}/2019-07-15">
<Page imageFilename="{path.with_suffix(".png").name}" imageWidth="{wide}" imageHeight="{high}">
<TextRegion id="r"><Coords points="0,0 9,0 9,9"/>{"".join(lines)}</TextRegion></Page></PcGts>
""", encoding="utf-8")  # fmt: skip
    return inks
