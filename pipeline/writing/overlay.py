"""Video overlays: a copy of a video with its record drawn into the frames.

Segments: the current label with its confidence and, along the bottom, a timeline with a cursor.
One label for a clip: a banner. A text: a subtitle.
"""

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from datasets import ClipReader
from datasets.environment import raise_if_machine
from datasets.output.files import replacing
from datasets.output.text import print_error
from datasets.video.decoder import decode_video
from models.heads.labels import Text

from ..reading.prediction import Answer, Recognizer
from ..scoring.readings import join_labels
from .lettering import WHITE, Colour, draw_text, wrap
from .outputs import output_paths
from .palette import palette, rgb
from .thumbnails import VideoFormat, video_format

MIN_WIDTH = 320  # pixels: narrower videos are enlarged, or their text would be unreadable
CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
ENCODERS = (("libx264", {"crf": "20", "preset": "veryfast"}), ("mpeg4", {"qmin": "2", "qmax": "5"}))
BLACK, DARK, GREY = (0, 0, 0), (60, 60, 60), (150, 150, 150)


class Word(NamedTuple):
    """A word of a text and the time in seconds at which it begins."""

    text: str
    start: float


def overlay_writer(
    recognizer: Recognizer, names: Sequence[str], output: str, several: bool
) -> Callable[[Answer, dict], bool]:
    """A function that draws a record into a copy of its video and returns whether it could.

    names: of the inputs. output, several: see `output_paths`. Raises ValueError for an output that
    cannot be written, and for a bundle that reads no videos.
    """
    if not isinstance(recognizer.bundle.reader, ClipReader):
        raise ValueError(f"--overlay {output}: this bundle reads no videos")
    targets = output_paths(names, output, ".mp4", several)
    for target in targets.values():
        check_suffix(target)
    labels = recognizer.bundle.labels

    def draw(answer: Answer, record: dict) -> bool:
        timed = isinstance(answer.reading, Text) and answer.times is not None
        words = timed_words(answer.reading, answer.times, labels) if timed else None
        try:
            write_overlay(answer.name, targets[answer.name], record, labels, words)
        except (OSError, ValueError) as error:  # never stops the others
            raise_if_machine(error, targets[answer.name])
            print_error(f"--overlay: {error}")
            return False
        return True

    return draw


def write_overlay(
    source: str, target: Path, record: dict, labels: Sequence[str], words: list[Word] | None = None
) -> None:
    """Write a copy of a video to `target` with the record drawn into it, at the same frame times.

    Works frame by frame, in memory independent of the video's length. Colours are assigned by
    index in `labels`. words: a text's words with their times; without them the text is shown as a
    whole. Raises ValueError or OSError that names the file; then no `target` is left.
    """
    check_suffix(target)
    if Path(source).is_dir():
        raise ValueError(f"{source}: a folder of images; an overlay is a copy of a video file")
    if target.resolve() == Path(source).resolve():
        raise ValueError(f"--overlay {target}: this is the input itself; name another file")
    video = enlarge(video_format(source))
    painter = Painter(record, labels, video.height, video.width, words or ())
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as new:
        container = CONTAINERS[target.suffix.lower()]
        encode_video(new, container, video, overlay_frames(source, painter))


def check_suffix(target: Path) -> None:
    """Raise ValueError unless the file's suffix is that of a supported video container."""
    if target.suffix.lower() not in CONTAINERS:
        raise ValueError(
            f"--overlay {target}: an overlay is written as {', '.join(CONTAINERS)}; "
            "choose such an ending, or name a folder"
        )


def timed_words(text: Text, times: np.ndarray, labels: Sequence[str]) -> list[Word]:
    """Split a text read from a video into words, each starting at the step of its first symbol.

    times: (T,) seconds of the steps.
    """
    labels_are_words = join_labels([0, 0], labels) != 2 * labels[0]  # else they are characters
    words: list[Word] = []
    within = False
    for symbol, (first, _) in zip((labels[i] for i in text.ids), text.steps, strict=True):
        if symbol.isspace():
            within = False
        elif within and not labels_are_words:
            words[-1] = words[-1]._replace(text=words[-1].text + symbol)
        else:
            words.append(Word(symbol, float(times[first])))
            within = True
    return words


def enlarge(video: VideoFormat) -> VideoFormat:
    """Scale up so that text is readable; sides become even, as H.264 halves the chroma planes."""
    scale = max(1, -(-MIN_WIDTH // video.width))
    height, width = (max(2, side * scale // 2 * 2) for side in (video.height, video.width))
    return video._replace(height=height, width=width)


def overlay_frames(source: str, painter: "Painter") -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds, RGB (H, W, 3) uint8) of each frame with the record drawn into it."""
    for frame in decode_video(source, painter.height, painter.width, 3):
        image = np.ascontiguousarray(frame.pixels.transpose(1, 2, 0))
        painter.draw(image, frame.seconds)
        yield frame.seconds, image


def encode_video(
    target: Path, container: str, video: VideoFormat, frames: Iterable[tuple[float, np.ndarray]]
) -> None:
    """Encode frames at the given times, in H.264 (MPEG-4 where FFmpeg has no encoder), yuv420p.

    Raises ValueError if FFmpeg has neither encoder.
    """
    import av  # imported here for start-up time

    encoder = next((pair for pair in ENCODERS if pair[0] in av.codecs_available), None)
    if encoder is None:
        raise ValueError(f"PyAV has none of {', '.join(n for n, _ in ENCODERS)}; pip install av")
    name, options = encoder
    # MPEG-4 stores the time base in 16 bits
    too_fine = name == "mpeg4" and video.time_base.denominator >= 2**16
    with av.open(f"file:{target}", "w", format=container) as output:
        stream = output.add_stream(name, options=options)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 60_000) if too_fine else video.time_base
        last = -1
        for seconds, image in frames:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            # strictly increasing: encoders refuse two frames with the same time
            last = max(round(seconds / video.time_base), last + 1)
            frame.pts, frame.time_base = last, video.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


class Painter:
    """Draws one record, as returned by `Recognizer.predict`, into the frames of its video.

    height, width: of the frames, in pixels. words: a text's words with their times, if known.
    """

    def __init__(
        self,
        record: dict,
        labels: Sequence[str],
        height: int,
        width: int,
        words: Sequence[Word] = (),
    ):
        self.height, self.width = height, width
        self.text_height = max(14, min(height, width) // 16)
        self.margin = self.text_height // 2
        self.record, self.words = record, words
        self.segments = record.get("segments", [])
        self.starts = [segment["start"] for segment in self.segments]
        self.end = max((segment["end"] for segment in self.segments), default=0.0) or 1.0
        names = [segment["label"] for segment in self.segments]
        colours = palette(list(dict.fromkeys([*labels, *names])))
        self.colours = {label: rgb(colour) for label, colour in colours.items()}
        overlap = any(b["start"] < a["end"] for a, b in pairwise(self.segments))
        self.rows = len(set(names)) if overlap else 1  # of the timeline
        self.strip = self.draw_strip() if self.segments else None

    def draw(self, image: np.ndarray, seconds: float) -> None:
        """Draw the record's state at a time into an RGB image (H, W, 3) uint8, in place."""
        if self.strip is not None:
            for row, current in enumerate(self.current(seconds)):
                self.banner(image, current["label"], current["confidence"], row)
            self.timeline(image, seconds)
        elif "label" in self.record:
            self.banner(image, self.record["label"], self.record["confidence"])
        elif "text" in self.record:
            self.subtitle(image, seconds)

    def current(self, seconds: float) -> list[dict]:
        """The segments at a time, several if they overlap; none in a gap between two."""
        if self.rows > 1:
            return [s for s in self.segments if s["start"] <= seconds < s["end"]]
        index = max(0, bisect.bisect_right(self.starts, seconds) - 1)
        gap = index + 1 < len(self.segments) and self.segments[index]["end"] <= seconds
        return [] if gap else [self.segments[index]]

    def banner(self, image: np.ndarray, label: str, confidence: float, row: int = 0) -> None:
        """Draw the label's colour, its name and its confidence (number and bar) at the top left.

        row: of several labels at once, one below the other.
        """
        size, edge = self.text_height, self.margin
        colour = self.colours.get(label, GREY)
        left = edge + size + edge
        y = edge + row * (left + edge)
        top = y + size + edge
        if row and top + size > self.height:
            return
        draw_box(image, edge, y, size, size, colour)
        text = f"{label}  {100 * confidence:.0f} %"
        draw_text(image, text, left, y, size, self.width - left - edge)
        length, thickness = self.width // 3, max(4, size // 4)
        draw_box(image, edge, top, length, thickness, DARK)
        fill(image, edge, top, round(length * min(1.0, confidence)), thickness, colour)

    def draw_strip(self) -> np.ndarray:
        """The timeline as an RGB image (H', W, 3): all segments side by side in their colours.

        A row for each label if they overlap.
        """
        height = max(8 // self.rows, 2, self.height // 24 // self.rows)
        strip = np.zeros((height * self.rows, self.width, 3), np.uint8)
        names = list(dict.fromkeys(segment["label"] for segment in self.segments))
        for segment in self.segments:
            left, right = self.column(segment["start"]), self.column(segment["end"])
            top = names.index(segment["label"]) * height if self.rows > 1 else 0
            part = strip[top : top + height, left : max(right, left + 1)]
            part[:] = self.colours[segment["label"]]
        return strip

    def column(self, seconds: float) -> int:
        """The pixel column of a time on the timeline."""
        return min(self.width - 1, max(0, round(seconds / self.end * self.width)))

    def timeline(self, image: np.ndarray, seconds: float) -> None:
        """Draw the timeline and its cursor along the bottom."""
        top = self.height - len(self.strip)
        image[top:] = self.strip
        image[top - 1] = 0
        draw_box(image, self.column(seconds) - 1, top - 4, 3, len(self.strip) + 4, WHITE)

    def subtitle(self, image: np.ndarray, seconds: float) -> None:
        """Draw the text centred at the bottom; words that begin later than `seconds` are grey."""
        size, limit = self.text_height, self.width - 2 * self.margin
        words = self.words or [Word(word, 0.0) for word in self.record["text"].split()]
        rows = wrap([word.text for word in words], size, limit)
        top, remaining = self.height - self.margin - round(1.5 * size * len(rows)), iter(words)
        for spans in rows:
            left = (self.width - spans[-1].end) // 2
            # `spans` first: zip then takes no word that belongs to the next row
            for span, word in zip(spans, remaining, strict=False):
                colour = WHITE if word.start <= seconds else GREY
                draw_text(image, word.text, left + span.start, top, size, limit, colour)
            top += round(1.5 * size)


def draw_box(
    image: np.ndarray, left: int, top: int, width: int, height: int, colour: Colour
) -> None:
    """Draw a filled rectangle with a black outline of one pixel around it."""
    fill(image, left - 1, top - 1, width + 2, height + 2, BLACK)
    fill(image, left, top, width, height, colour)


def fill(image: np.ndarray, left: int, top: int, width: int, height: int, colour: Colour) -> None:
    """Fill a rectangle; nothing if its width is 0."""
    if width > 0:
        cv2.rectangle(image, (left, top), (left + width - 1, top + height - 1), colour, -1)
