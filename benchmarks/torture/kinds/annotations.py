"""Videos, and what says which of their moments shows what."""

from pathlib import Path

from datasets.video.annotations.boris import write_boris
from datasets.video.annotations.elan import write_elan
from datasets.video.annotations.files import read_annotations
from datasets.video.annotations.segments import Span
from datasets.video.annotations.via import write_via
from datasets.video.decoder import decode_video
from tests.support.films import film

from . import Kind

CLIP = "c.mp4"
TABLES = [
    b"clip,start,end,label\nc.mp4,0,1.5,walk\nc.mp4,1.5,2,\"sit, down\"\n",
    b"clip;start_frame;end_frame;label;group\nc.mp4;0;15;walk;a\nd.mp4;15;20;sit;b\n",
]  # fmt: skip


def span(start: float, end: float, label: str) -> Span:
    """Seconds, and frames at ten of them a second."""
    frames = {"start_frame": round(10 * start), "end_frame": round(10 * end)}
    return Span(start=start, end=end, label=label, confidence=0.5, **frames)


def elan(file: Path, spans: list[Span]) -> None:
    write_elan(file, CLIP, spans)


def boris(file: Path, spans: list[Span]) -> None:
    write_boris(file, None, {CLIP: spans})


def via(file: Path, spans: list[Span]) -> None:
    write_via(file, CLIP, spans)


WRITERS = {".eaf": elan, ".boris": boris, ".json": via}


def annotation(suffix: str) -> Kind:
    def seeds(folder: Path) -> list[bytes]:
        target = folder / f"seed{suffix}"
        WRITERS[suffix](target, [span(0.0, 1.0, "walk"), span(1.0, 2.5, "sit")])
        return [target.read_bytes()]

    return Kind(suffix, seeds, (read_annotations,))


def movie(folder: Path) -> list[bytes]:
    film(folder / "seed.mp4", [20 * step for step in range(12)], rate=6)
    return [(folder / "seed.mp4").read_bytes()]


def read_video(path: Path) -> None:
    for _ in decode_video(str(path), 16, 16, 3):
        pass


KINDS = {
    "ELAN": annotation(".eaf"),
    "BORIS": annotation(".boris"),
    "VIA": annotation(".json"),
    "clip tables": Kind(".csv", lambda _: TABLES, (read_annotations,)),
    "videos": Kind(".mp4", movie, (read_video,)),
}
