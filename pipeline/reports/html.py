"""Results as one HTML file that needs nothing else: pictures and curves are inside, scripts none.

Each function makes one section from plain data, escaped; `document` puts them together.
"""

import base64
import math
import mimetypes
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

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


class Line(NamedTuple):
    """One image with what was read. target: None if it is not known; confidence: 0 to 1."""

    image: Path
    reading: str
    target: str | None
    confidence: float


def document(title: str, lead: str, sections: Sequence[str]) -> str:
    """Sections (HTML) -> the page. Its policy forbids a browser to load anything from elsewhere."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n'
        + "\n".join(sections)
        + "\n</html>\n"
    )


def heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def facts(values: Mapping[str, str]) -> str:
    """Names and figures, side by side."""
    tiles = (f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in values.items())
    return f"<dl>{''.join(tiles)}</dl>"


def picture(path: Path, caption: str) -> str:
    """An image file, whole, over its caption."""
    return (
        f'<figure><img class="whole" src="{data_uri(path)}" alt="{escape(path.name)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def folded(summary: str, text: str) -> str:
    """Long text that opens at a click."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"


def data_uri(path: Path) -> str:
    """The file itself as a URI. Raises OSError if it cannot be read."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def lines(rows: Sequence[Line]) -> str:
    """A card for each line: the image, its reading and, where they differ, the target below it."""
    return "\n".join(card(row) for row in rows)


def card(row: Line) -> str:
    reading, target, edits = escape(row.reading), "", "no target"
    if row.target is not None:
        number = Levenshtein.distance(row.reading, row.target)
        edits = f"{number} edit{'s' * (number != 1)}" if number else "exact"
        if number:
            reading, marked = mark_differences(row.reading, row.target)
            target = f'<p class="text target" dir="auto" title="target">{marked}</p>'
    picture = f'<img src="{data_uri(row.image)}" alt="the line {escape(row.image.name)}">'
    texts = f'<p class="text" dir="auto" title="reading">{reading}</p>{target}'
    return article(row.image.name, row.confidence, edits, picture + texts)


def article(name: str, confidence: float, note: str, content: str) -> str:
    """One line's frame: its name, a bar of its confidence and a note, beside its content (HTML)."""
    percent = f"{100 * confidence:.1f}"
    return (
        f'<article class="line"><div class="name">{escape(name)}'
        f'<div class="bar" role="img" aria-label="confidence {percent} %">'
        f'<i style="width:{percent}%"></i></div>{percent} %<br>'
        f'<span class="edits">{escape(note)}</span></div><div>{content}</div></article>'
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Names of the columns, and rows of cells that are HTML; the first cell names its row."""
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, *cells in rows
    )
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide"><table>{told}<thead><tr>{names}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def mark_differences(reading: str, target: str) -> tuple[str, str]:
    """Both as HTML, aligned: what differs is marked, what the other has more leaves a gap."""
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


def curves(found: Mapping[str, Sequence[tuple[float, float]]], x_name: str) -> str:
    """Pictures of curves by name, each of (x, y) points in the order of x."""
    drawn = (
        f"<figure>{curve(points, name, x_name)}<figcaption>{escape(name)}</figcaption></figure>"
        for name, points in found.items()
    )
    return f'<div class="curves">{"".join(drawn)}</div>'


def curve(points: Sequence[tuple[float, float]], name: str, x_name: str) -> str:
    """An SVG of one curve, from 0 up; points without a finite y are left out and counted."""
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    if not finite:
        return f"<p>No finite value among {len(points)} points of {escape(name)}.</p>"
    left, right, top, bottom = 44, 410, 22, 168
    x_ticks = ticks(max(x for x, _ in finite))
    y_ticks = ticks(max(y for _, y in finite))

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = x / x_ticks[-1], y / y_ticks[-1]
        return round(left + across * (right - left), 1), round(bottom - up * (bottom - top), 1)

    rules = "".join(
        f'<line class="grid" x1="{left}" x2="{right}" y1="{place(0, y)[1]}" y2="{place(0, y)[1]}"/>'
        f'<text x="{left - 6}" y="{place(0, y)[1] + 4}" text-anchor="end">{y:g}</text>'
        for y in y_ticks
    )
    below = "".join(
        f'<text x="{place(x, 0)[0]}" y="{bottom + 16}" text-anchor="middle">{x:g}</text>'
        for x in x_ticks
    )
    path = " ".join(f"{x},{y}" for x, y in (place(*point) for point in finite))
    (x, y), value = place(*finite[-1]), finite[-1][1]
    lost = len(points) - len(finite)
    label = f"{name}, last value {value:.3g}" + (f"; {lost} points are not finite" if lost else "")
    return (
        f'<svg viewBox="0 0 440 204" role="img" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>{rules}{below}"
        f'<text x="{(left + right) / 2}" y="{bottom + 33}" text-anchor="middle">{escape(x_name)}'
        f'</text><polyline class="curve" points="{path}"/><circle cx="{x}" cy="{y}" r="3.5"/>'
        f'<text class="last" x="{x}" y="{y - 8}" text-anchor="end">{value:.3g}</text></svg>'
    )


def ticks(largest: float) -> list[float]:
    """0 and round numbers up to `largest` or just above: three to six of them."""
    if largest <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(largest))
    step = next(s * power for s in (0.2, 0.5, 1, 2) if largest <= 5 * s * power)
    return [round(i * step, 12) for i in range(math.ceil(largest / step - 1e-9) + 1)]
