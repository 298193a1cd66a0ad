"""The reading burnt into the picture: a copy of a video that shows what was read when.

Segments are a label with its confidence and, along the bottom, a strip of all of them with a
cursor; a clip's label is a banner; a text is a subtitle.
"""

import bisect
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from datasets.video.decoder import decode
from models.heads.labels import Text

from ..scoring.readings import spell
from .lettering import WHITE, draw_text, wrap
from .palette import palette, rgb
from .thumbnails import Picture, measure

NARROWEST = 320  # pixels: smaller pictures are enlarged, or no word could be read in them
CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
ENCODERS = (("libx264", {"crf": "20", "preset": "veryfast"}), ("mpeg4", {"qmin": "2", "qmax": "5"}))
GREY = (150, 150, 150)


class Word(NamedTuple):
    """A part of a text, and when it is said, in seconds."""

    text: str
    start: float


def burn(
    source: str,
    target: Path,
    record: dict,
    labels: Sequence[str],
    words: Sequence[Word] | None = None,
) -> None:
    """A video and its record -> a copy in `target` that shows the record, at the same times.

    Frame by frame, so that memory does not grow with the video; colours go by the places of
    `labels`. words: those of a text as they come; without them the text is shown as a whole.
    Raises ValueError or OSError that names the file; then no `target` is left.
    """
    check_ending(target)
    if target.resolve() == Path(source).resolve():
        raise ValueError(f"--overlay {target}: this is the input itself; name another file")
    picture = enlarged(measure(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    try:
        encode(partial, CONTAINERS[target.suffix.lower()], picture,
               drawn(source, picture, record, labels, words))  # fmt: skip
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def check_ending(target: Path) -> None:
    """Raises ValueError for a file that would hold no video."""
    if target.suffix.lower() not in CONTAINERS:
        raise ValueError(
            f"--overlay {target}: an overlay is written as {', '.join(CONTAINERS)}; "
            "choose such an ending, or name a folder"
        )


def words_of(text: Text, times: np.ndarray, labels: Sequence[str]) -> list[Word]:
    """The words of a text that was read in a video, each from the step of its first symbol on.

    times: (T,) seconds of the steps.
    """
    between = spell([0, 0], labels) != 2 * labels[0]  # labels are words, or letters
    words: list[Word] = []
    within = False
    for symbol, (first, _) in zip((labels[i] for i in text.ids), text.steps, strict=True):
        if symbol.isspace():
            within = False
        elif within and not between:
            words[-1] = words[-1]._replace(text=words[-1].text + symbol)
        else:
            words.append(Word(symbol, float(times[first])))
            within = True
    return words


def enlarged(picture: Picture) -> Picture:
    """So large that it can carry text; even sides, for H.264 halves the colours."""
    scale = max(1, -(-NARROWEST // picture.width))
    height, width = (max(2, side * scale // 2 * 2) for side in (picture.height, picture.width))
    return picture._replace(height=height, width=width)


def drawn(
    source: str,
    picture: Picture,
    record: dict,
    labels: Sequence[str],
    words: Sequence[Word] | None,
) -> Iterator[tuple[float, np.ndarray]]:
    """(seconds, RGB (H, W, 3) uint8) of each frame, the record drawn into it."""
    painter = Painter(record, labels, picture.height, picture.width, words)
    for frame in decode(source, picture.height, picture.width, 3):
        image = np.ascontiguousarray(frame.pixels.transpose(1, 2, 0))
        painter.draw(image, frame.seconds)
        yield frame.seconds, image


def encode(
    target: Path, container: str, picture: Picture, frames: Iterator[tuple[float, np.ndarray]]
) -> None:
    """H.264 (or MPEG-4 where this build of FFmpeg has none), yuv420p, at the times given."""
    import av

    with av.open(str(target), "w", format=container) as output:
        stream = video_stream(output, picture)
        last = -1
        for seconds, image in frames:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            # an encoder refuses two frames at one time
            last = max(round(seconds / picture.time_base), last + 1)
            frame.pts, frame.time_base = last, picture.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def video_stream(output, picture: Picture):
    """The first encoder that this build has. Raises ValueError if it has none of them."""
    import av

    for name, options in ENCODERS:
        if name not in av.codecs_available:
            continue
        # MPEG-4 takes no finer time than 16 bits hold
        fits = name != "mpeg4" or picture.time_base.denominator < 2**16
        base = picture.time_base if fits else Fraction(1, 60_000)
        stream = output.add_stream(name, options=options)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        stream.codec_context.time_base = base
        return stream
    raise ValueError(f"PyAV has none of {', '.join(n for n, _ in ENCODERS)}; pip install av")


class Painter:
    """Draws one record into the frames of its video.

    record: as `predict` gives it. height, width: of the frames, in pixels.
    """

    def __init__(
        self,
        record: dict,
        labels: Sequence[str],
        height: int,
        width: int,
        words: Sequence[Word] | None = None,
    ):
        self.height, self.width = height, width
        self.text_height = max(14, min(height, width) // 16)
        self.margin = self.text_height // 2
        self.record, self.words = record, words
        self.segments = record.get("segments", [])
        self.starts = [segment["start"] for segment in self.segments]
        names = [segment["label"] for segment in self.segments]
        self.colours = {
            k: rgb(v) for k, v in palette(list(dict.fromkeys([*labels, *names]))).items()
        }
        self.strip = self.draw_strip() if self.segments else None

    def draw(self, image: np.ndarray, seconds: float) -> None:
        """Into RGB (H, W, 3) uint8, in place: what the record says of this time."""
        if self.strip is not None:
            current = self.segments[max(0, bisect.bisect_right(self.starts, seconds) - 1)]
            self.banner(image, current["label"], current["confidence"])
            self.timeline(image, seconds)
        elif "label" in self.record:
            self.banner(image, self.record["label"], self.record["confidence"])
        elif "text" in self.record:
            self.subtitle(image, seconds)

    def banner(self, image: np.ndarray, label: str, confidence: float) -> None:
        """Top left: the label's colour and name, its confidence in figures and as a bar."""
        size, edge = self.text_height, self.margin
        colour = self.colours.get(label, GREY)
        box(image, edge, edge, size, size, colour)
        left = edge + size + edge
        draw_text(
            image, f"{label}  {100 * confidence:.0f} %", left, edge, size, self.width - left - edge
        )
        top, length, thick = edge + size + edge, self.width // 3, max(4, size // 4)
        box(image, edge, top, length, thick, (60, 60, 60))
        box(image, edge, top, round(length * min(1.0, confidence)), thick, colour, outline=False)

    def draw_strip(self) -> np.ndarray:
        """RGB (H', W, 3): all segments side by side over the whole time."""
        strip = np.zeros((max(8, self.height // 24), self.width, 3), np.uint8)
        for segment in self.segments:
            left, right = self.across(segment["start"]), self.across(segment["end"])
            strip[:, left : max(right, left + 1)] = self.colours[segment["label"]]
        return strip

    def across(self, seconds: float) -> int:
        """Time -> column of the picture."""
        end = self.segments[-1]["end"] or 1.0
        return min(self.width - 1, max(0, round(seconds / end * self.width)))

    def timeline(self, image: np.ndarray, seconds: float) -> None:
        """Along the bottom: the strip and a cursor that stands out of it."""
        top = self.height - len(self.strip)
        image[top:] = self.strip
        image[top - 1] = 0
        box(image, self.across(seconds) - 1, top - 4, 3, len(self.strip) + 4, WHITE)

    def subtitle(self, image: np.ndarray, seconds: float) -> None:
        """Bottom, in the middle: the text; with times, words that are still to come are grey."""
        size, room = self.text_height, self.width - 2 * self.margin
        words = self.words or [Word(word, 0.0) for word in self.record["text"].split()]
        rows = wrap([word.text for word in words], size, room)
        top, done = self.height - self.margin - round(1.5 * size * len(rows)), 0
        for widths in rows:
            left = (self.width - widths[-1].end) // 2
            for word, span in zip(words[done:], widths, strict=False):
                colour = WHITE if word.start <= seconds else GREY
                draw_text(image, word.text, left + span.start, top, size, room, colour)
            done, top = done + len(widths), top + round(1.5 * size)


def box(
    image: np.ndarray,
    left: int,
    top: int,
    width: int,
    height: int,
    colour: tuple[int, int, int],
    outline: bool = True,
) -> None:
    """A filled rectangle, with a black line around it."""
    if outline:
        cv2.rectangle(image, (left - 1, top - 1), (left + width, top + height), (0, 0, 0), -1)
    if width > 0:
        cv2.rectangle(image, (left, top), (left + width - 1, top + height - 1), colour, -1)
