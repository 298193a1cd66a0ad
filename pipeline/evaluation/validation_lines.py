"""Labelled lines to fit, weigh or score on: those of a folder, or those that a config keeps out."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from datasets.lines.containers import container_problems
from datasets.lines.folders import LineFolder, transcripts, unlabelled
from datasets.lines.reader import LineReader
from datasets.lines.source import RealLines
from datasets.paths import resolve
from datasets.source import Reader

from ..reading.bundle import find_bundle
from .config_folders import folders_of

NAMED = 10  # lines left out that the terminal names


class KeptLines(NamedTuple):
    """N lines of a folder: their images, texts and groups.

    left_out: why others are not among them, a reason each.
    """

    name: str
    paths: list[str]
    texts: list[str]
    groups: list[str]
    left_out: list[str]


class ConfigLines(NamedTuple):
    """kept: the validation lines of each folder that has some. trained: the transcripts of the
    training lines, each line's once. left_out: why lines are in no split, a reason each.
    """

    kept: list[KeptLines]
    trained: list[str]
    left_out: list[str]


def config_lines(config: str | Path, reader: Reader) -> ConfigLines:
    """Of all datasets.RealLines of a config, mixed or not, as `reader` can take them.

    Any character counts: those that an alphabet lacks are errors. Raises ValueError if there is no
    validation line, or the reader takes no lines; OSError if there is no such file.
    """
    if not isinstance(reader, LineReader):
        raise ValueError(f"{config}: has lines, but this bundle has a {type(reader).__name__}")
    folders = folders_of(Path(config))
    source = RealLines(folders, None, reader.height, reader.max_width)
    found = source.split("validation")
    if not found:
        raise ValueError(
            f"{config}: no folder of lines with a validation split in any datasets.RealLines; give "
            "a folder of labelled lines"
        )
    kept = []
    for folder in folders:
        own = {str(path) for path, *_ in transcripts(folder)}
        rows = [
            row for row in zip(found.names, found.texts, found.groups, strict=True) if row[0] in own
        ]
        if rows:
            paths, texts, groups = map(list, zip(*rows, strict=True))
            kept.append(KeptLines(resolve(folder.root).name, paths, texts, groups, []))
    train = source.split("train")
    trained = dict(zip(train.names, train.texts, strict=True))
    return ConfigLines(kept, list(trained.values()), [p.reason for p in source.problems])


def folder_lines(given: str) -> KeptLines:
    """All lines of a folder or a label file. Raises ValueError or OSError if there is none."""
    folder, place = LineFolder(given), resolve(given)
    paths, texts, groups = zip(*transcripts(folder), strict=True)
    name = place.parent.name if place.name == "labels.tsv" else place.stem
    left_out = [f"{path}: no transcript" for path in unlabelled(folder)]
    left_out += [problem.reason for problem in container_problems(place)]
    return KeptLines(name, [str(path) for path in paths], list(texts), list(groups), left_out)


def report_left_out(reasons: Sequence[str]) -> None:
    """On standard error: how many, and the first ones."""
    if not reasons:
        return
    for reason in reasons[:NAMED]:
        print(f"{reason}; not used", file=sys.stderr)
    more = f"; {len(reasons) - NAMED} more are not named" if len(reasons) > NAMED else ""
    print(f"{len(reasons)} lines left out{more}", file=sys.stderr)


def output_path(options) -> Path:
    """Where --output, or else the place of --model, is.

    Raises ValueError or OSError unless it can be written, and unless the lines are given once.
    """
    if (options.data is None) == (options.config is None):
        raise ValueError("give the labelled data: either --data or --config")
    output = Path(options.output) if options.output else find_bundle(options.model)
    if output.suffix != ".safetensors" or not output.parent.is_dir():
        raise ValueError(f"--output {output}: name a .safetensors file in a folder that exists")
    return output
