"""Building blocks of the HTML pages: each function turns plain data into one escaped section.

A page is one file without scripts: style, images and curves are inside, nothing else is loaded.
"""

import base64
import math
import mimetypes
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from ..scoring.metrics import Score

STYLE = """
:root { color-scheme: light dark; --ground: #faf8f3; --card: #fff; --ink: #23211d; --soft: #716b60;
  --rule: #e4dfd3; --accent: #2b6cb0; --wrong: #b42318; --wrong-ground: #fde3df; --right: #146c43;
  --right-ground: #d9f2e3 }
@media (prefers-color-scheme: dark) { :root { --ground: #16171a; --card: #1f2125; --ink: #e9e6df;
  --soft: #9b978d; --rule: #33363c; --accent: #7db4f0; --wrong: #ffb4a8; --wrong-ground: #5c1f1a;
  --right: #9be3bd; --right-ground: #174a32 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.2rem 4rem; max-width: 60rem; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1, h2 { font-family: ui-serif, Georgia, serif; font-weight: 600; line-height: 1.2 }
h1 { margin: 0; font-size: 2rem } h2 { margin: 2.5rem 0 .8rem; font-size: 1.3rem }
.lead, figcaption, .name, .edits, dt { color: var(--soft) }
.lead { margin: .4rem 0 0 } figure { margin: 0 } figcaption { margin-top: .4rem; font-size: .85rem }
img { display: block; max-width: 100%; border-radius: 3px }
.whole { border: 1px solid var(--rule); border-radius: 6px; margin: 0 auto }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .7rem }
dl div, .line, .curves figure, details { background: var(--card); border: 1px solid var(--rule);
  border-radius: 8px }
dl div { padding: .7rem .9rem } dt { font-size: .8rem }
dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums }
.line { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: .2rem 1rem;
  padding: .8rem .9rem; margin-bottom: .6rem }
.name { font-size: .8rem; overflow-wrap: anywhere } .line img { max-height: 3.2rem }
.bar { height: 5px; margin: .35rem 0 .1rem; border-radius: 3px; background: var(--rule) }
.bar i { display: block; height: 100%; border-radius: 3px; background: var(--accent) }
.text { margin: .35rem 0 0; font: .86rem/1.45 ui-monospace, Menlo, Consolas, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere }
.target { margin-top: 0; color: var(--soft) }
mark { border-radius: 2px; text-decoration: underline; text-underline-offset: 3px }
mark.wrong { color: var(--wrong); background: var(--wrong-ground) }
mark.right { color: var(--right); background: var(--right-ground) }
.gap { display: inline-block; width: calc(1ch * var(--n)); height: 1em; vertical-align: -.15em;
  border-bottom: 2px dotted var(--wrong) }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: .8rem }
.curves figure { padding: .9rem } svg { width: 100%; height: auto; display: block }
svg text { font-size: 11px; fill: var(--soft) } svg .grid { stroke: var(--rule) }
svg .curve { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round }
svg circle { fill: var(--accent) } svg .last { fill: var(--ink); font-weight: 600 }
details { margin-top: .8rem; padding: .7rem .9rem } summary { cursor: pointer }
pre { margin: .6rem 0 0; overflow-x: auto; font-size: .8rem }
.timeline, .card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  padding: .8rem .9rem; margin-bottom: .8rem } svg .thin { stroke-width: 1.2 }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0; list-style: none }
.legend i { display: inline-block; width: .9em; height: .9em; margin-right: .4em;
  border: 1px solid var(--rule); border-radius: 3px; vertical-align: -.08em }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .8rem }
.card { margin: 0 } .card p { margin: .35rem 0 0 }
.film { display: flex; gap: 2px } .film img { flex: 1 1 0; min-width: 0; object-fit: cover }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
caption { caption-side: bottom; margin-top: .4rem; color: var(--soft); font-size: .85rem;
  text-align: left } th { font-weight: 600; font-size: .85rem; text-align: left }
th, td { padding: .3rem .6rem; border: 1px solid var(--rule) } td { text-align: right }
.no, small { color: var(--soft); font-style: normal } td.miss { --heat: var(--wrong) }
td.hit { --heat: var(--right) }
.heat td { background: color-mix(in srgb, var(--heat) calc(var(--v) * 45%), transparent);
  line-height: 1.15 } .heat small { color: inherit }
.strip text { font-size: 14px; fill: inherit; text-anchor: middle }
svg .ideal { stroke: var(--soft); stroke-dasharray: 4 4 }
@media (max-width: 34rem) { .line { grid-template-columns: 1fr } }
"""


TAIL = "</html>\n"


class Line(NamedTuple):
    """A line image with its reading. target: None if unknown; confidence: 0 to 1."""

    image: Path
    reading: str
    target: str | None
    confidence: float


def document(title: str, lead: str, sections: Sequence[str], style: str = "") -> str:
    """The whole page from its sections (HTML); see `head`."""
    return head(title, lead, style) + "\n".join(sections) + "\n" + TAIL


def head(title: str, lead: str, style: str = "") -> str:
    """What stands before the sections; the page may load nothing. style: rules of its own kind."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n'
    )


def heading(text: str) -> str:
    """A section heading."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f"<p>{escape(text)}</p>"


def facts(values: Mapping[str, str]) -> str:
    """Names and figures as tiles side by side."""
    tiles = (f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in values.items())
    return f"<dl>{''.join(tiles)}</dl>"


def percent_text(score: Score, decimals: int) -> str:
    """A score with its interval, such as "0.57 % (0.44-0.71)", or "undefined"."""
    if math.isnan(score.value):
        return "undefined"
    value = f"{score.value:.{decimals}f} %"
    if math.isnan(score.low):
        return value
    return f"{value} ({score.low:.{decimals}f}-{score.high:.{decimals}f})"


def share(part: float, whole: float) -> str:
    """A part of a whole in percent; "-" if the whole is 0."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def limit_note(count: int, limit: int, option: str) -> list[str]:
    """How many of `count` items are shown and the option for more; empty if all are shown."""
    if count <= limit:
        return []
    return [paragraph(f"{limit} of {count} are shown; {option} shows more.")]


def failure_list(reasons: Sequence[str]) -> list[str]:
    """What could not be read or scored, with the reasons; empty if nothing failed."""
    if not reasons:
        return []
    return [details(f"{len(reasons)} not read or not scored", "\n".join(reasons))]


def figure(path: Path, caption: str) -> str:
    """An image file in full size over its caption."""
    return (
        f'<figure><img class="whole" src="{file_uri(path)}" alt="{escape(path.name)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def details(summary: str, text: str) -> str:
    """Preformatted text that is folded away until its summary is clicked."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"


def file_uri(path: Path) -> str:
    """The content of a file as a data URI. Raises OSError if it cannot be read."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return data_uri(path.read_bytes(), kind)


def data_uri(content: bytes, kind: str = "image/jpeg") -> str:
    """Bytes of a MIME type as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def line_cards(rows: Sequence[Line]) -> str:
    """A card per line: image, reading and, where they differ, the target below it."""
    return "\n".join(map(line_card, rows))


def line_card(row: Line) -> str:
    """The card of one line, with its number of edits."""
    reading, target, note = escape(row.reading), "", "no target"
    if row.target is not None:
        edits = Levenshtein.distance(row.reading, row.target)
        note = edit_count(edits) if edits else "exact"
        if edits:
            reading, marked = mark_differences(row.reading, row.target)
            target = f'<p class="text target" dir="auto" title="target">{marked}</p>'
    image = f'<img src="{file_uri(row.image)}" alt="the line {escape(row.image.name)}">'
    texts = f'<p class="text" dir="auto" title="reading">{reading}</p>{target}'
    return card_frame(row.image.name, row.confidence, note, image + texts)


def edit_count(edits: int) -> str:
    """The number of edits with its unit."""
    return f"{edits} edit{'s' * (edits != 1)}"


def card_frame(name: str, confidence: float, note: str, content: str) -> str:
    """A line's name, confidence bar and note beside its content (HTML)."""
    percent = f"{100 * confidence:.1f}"
    return (
        f'<article class="line"><div class="name">{escape(name)}'
        f'<div class="bar" role="img" aria-label="confidence {percent} %">'
        f'<i style="width:{percent}%"></i></div>{percent} %<br>'
        f'<span class="edits">{escape(note)}</span></div><div>{content}</div></article>'
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """A table from column names and rows of cells (HTML); the first cell is the row's header."""
    names = "".join(
        f'<th scope="col">{escape(name)}</th>' if name else "<th></th>" for name in columns
    )
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, *cells in rows
    )
    if caption:
        caption = f"<caption>{escape(caption)}</caption>"
    return (
        f'<div class="wide"><table>{caption}<thead><tr>{names}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def mark_differences(reading: str, target: str) -> tuple[str, str]:
    """Align both texts and mark what differs; a gap stands where the other text has more."""
    parts: tuple[list[str], list[str]] = ([], [])
    for tag, a, b, c, d in Levenshtein.opcodes(reading, target):
        for side, text, other, kind in (
            (parts[0], reading[a:b], target[c:d], "wrong"),
            (parts[1], target[c:d], reading[a:b], "right"),
        ):
            if tag == "equal":
                side.append(escape(text))
            elif text:
                side.append(f'<mark class="{kind}">{escape(text)}</mark>')
            else:
                side.append(f'<i class="gap" style="--n:{len(other)}"></i>')
    return "".join(parts[0]), "".join(parts[1])


def curves(by_name: Mapping[str, Sequence[tuple[float, float]]], x_name: str) -> str:
    """One figure per curve; the points (x, y) of each are in the order of x."""
    figures = (
        f"<figure>{curve(points, name, x_name)}<figcaption>{escape(name)}</figcaption></figure>"
        for name, points in by_name.items()
    )
    return f'<div class="curves">{"".join(figures)}</div>'


def curve(points: Sequence[tuple[float, float]], name: str, x_name: str) -> str:
    """An SVG of one curve, axes from 0 up; points without a finite y are left out and counted."""
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    if not finite:
        return f"<p>No finite value among {len(points)} points of {escape(name)}.</p>"
    left, right, top, bottom = 44, 410, 22, 168
    x_ticks, y_ticks = (ticks(max(values)) for values in zip(*finite, strict=True))

    def position(x: float, y: float) -> tuple[float, float]:
        across, up = x / x_ticks[-1], y / y_ticks[-1]
        return round(left + across * (right - left), 1), round(bottom - up * (bottom - top), 1)

    rules = "".join(
        f'<line class="grid" x1="{left}" x2="{right}" y1="{height}" y2="{height}"/>'
        f'<text x="{left - 6}" y="{height + 4}" text-anchor="end">{y:g}</text>'
        for y, (_, height) in ((y, position(0, y)) for y in y_ticks)
    )
    below = "".join(
        f'<text x="{position(x, 0)[0]}" y="{bottom + 16}" text-anchor="middle">{x:g}</text>'
        for x in x_ticks
    )
    path = " ".join(f"{x},{y}" for x, y in (position(*point) for point in finite))
    (x, y), value = position(*finite[-1]), finite[-1][1]
    dropped = len(points) - len(finite)
    label = f"{name}, last value {value:.3g}"
    if dropped:
        label += f"; {dropped} points are not finite"
    return (
        f'<svg viewBox="0 0 440 204" role="img" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>{rules}{below}"
        f'<text x="{(left + right) / 2}" y="{bottom + 33}" text-anchor="middle">{escape(x_name)}'
        f'</text><polyline class="curve" points="{path}"/><circle cx="{x}" cy="{y}" r="3.5"/>'
        f'<text class="last" x="{x}" y="{y - 8}" text-anchor="end">{value:.3g}</text></svg>'
    )


def ticks(largest: float) -> list[float]:
    """Three to six round numbers from 0 up to `largest` or just above."""
    if largest <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(largest))
    step = next(s * power for s in (0.2, 0.5, 1, 2) if largest <= 5 * s * power)
    return [round(i * step, 12) for i in range(math.ceil(largest / step - 1e-9) + 1)]
