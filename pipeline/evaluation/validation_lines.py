"""Labelled lines of a folder, or validation and training lines of a config, for fitting tools."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.files import resolve_data_path
from datasets.lines.folders import LineFolder, split_finder
from datasets.lines.listing import lines_passed_over, read_lines
from datasets.lines.reader import LineReader
from datasets.lines.source import Line, RealLines
from datasets.lines.tables import LABEL_FILES
from datasets.output.text import counted, print_notes
from datasets.source import Reader

from ..reading.bundle_files import find_bundle
from .config_folders import folders_of_config
from .outputs import check_outputs

MAX_NAMED = 10  # excluded lines named on standard error


class FolderLines(NamedTuple):
    """Image paths, texts and groups of N lines of a folder.

    name: of the folder. left_out: reasons why other lines are not included. notes: what was passed
    over in the folder, and changed in the texts. any_case: see LineFolder.
    """

    name: str
    paths: list[str]
    texts: list[str]
    groups: list[str]
    left_out: Sequence[str] = ()
    notes: Sequence[str] = ()
    any_case: bool = False


class ConfigLines(NamedTuple):
    """Lines of a config.

    kept, trained: the validation lines, and the training lines, of each folder that has some.
    left_out: reasons why lines are in no split. notes: as of FolderLines. digests: returns those of
    all these lines, in any order.
    """

    kept: list[FolderLines]
    trained: list[FolderLines]
    left_out: list[str]
    notes: list[str]
    digests: Callable[[], np.ndarray]


def config_lines(config: str | Path, reader: Reader) -> ConfigLines:
    """Return the lines of all datasets.RealLines of a config, mixed or not, that `reader` accepts.

    Texts may contain any character; those outside an alphabet count as errors. Raises ValueError if
    there is no validation line or the reader does not read lines, OSError if the file is missing.
    """
    if not isinstance(reader, LineReader):
        raise ValueError(f"{config}: has lines, but this bundle has a {type(reader).__name__}")
    folders = folders_of_config(Path(config))
    source = RealLines(folders, None, reader.height, reader.max_width, crop=reader.crop)
    if not source.lines["validation"]:
        raise ValueError(
            f"{config}: no folder of lines with a validation split in any datasets.RealLines; give "
            "a folder of labelled lines"
        )
    kept, trained = (
        [
            _folder_lines(folder, [line for line in source.lines[split] if line.folder == place])
            for place, folder in enumerate(folders)
        ]
        for split in ("validation", "train")
    )
    left_out = [problem.reason for problem in source.problems]
    notes = [*source.passed_over, *(note.reason for note in source.notes)]
    kept, trained = ([lines for lines in part if lines.paths] for part in (kept, trained))

    def digests() -> np.ndarray:
        return np.concatenate([source.split(name).digests() for name in ("train", "validation")])

    return ConfigLines(kept, trained, left_out, notes, digests)


def _folder_lines(folder: LineFolder, lines: Sequence[Line]) -> FolderLines:
    columns = ([getattr(line, key) for line in lines] for key in ("path", "text", "group"))
    return FolderLines(resolve_data_path(folder.root).name, *columns, any_case=folder.any_case)


def folder_lines(given: str) -> FolderLines:
    """Return all lines of a folder or a label file; if it has splits, those to validate on.

    Lines that cannot be used, such as images without a transcript, are listed in `left_out`. Raises
    ValueError or OSError if there are none.
    """
    folder, path = LineFolder(given), resolve_data_path(given)
    found, split_of = read_lines(folder), split_finder(folder)
    rows = [row for row in found.rows if split_of(row[0]) in (None, "validation")]
    if not rows:
        raise ValueError(f"{given}: no lines in a folder validation; name the folder of the lines")
    paths, texts, groups = zip(*rows, strict=True)
    name = path.parent.name if path.name in LABEL_FILES else path.stem
    left_out = [problem.reason for problem in found.problems]
    notes = [*lines_passed_over(folder), *(note.reason for note in found.notes)]
    return FolderLines(name, list(map(str, paths)), list(texts), list(groups), left_out, notes)


def report_left_out(reasons: Sequence[str], notes: Sequence[str] = ()) -> None:
    """Print notes, the number of excluded lines and the first reasons to standard error."""
    print_notes(*notes)
    if not reasons:
        return
    for reason in reasons[:MAX_NAMED]:
        print_notes(f"{reason}; not used")
    unnamed = len(reasons) - MAX_NAMED
    suffix = f"; {unnamed} more are not named" if unnamed > 0 else ""
    print_notes(f"{counted(len(reasons), 'line')} left out{suffix}")


def output_path(options) -> Path:
    """Return the path of --output, or else of the bundle --model.

    Raises ValueError or OSError if it cannot be written, and ValueError unless exactly one of
    --data and --config is given.
    """
    if (options.data is None) == (options.config is None):
        raise ValueError("give the labelled data: either --data or --config")
    output = Path(options.output) if options.output else find_bundle(options.model)
    if output.suffix != ".safetensors" or not output.parent.is_dir():
        raise ValueError(f"--output {output}: name a .safetensors file in a folder that exists")
    lexicon, texts = (getattr(options, name, None) for name in ("lexicon", "texts"))
    check_outputs(
        {"--output": output}, [options.data], options.config, (), [lexicon, *(texts or ())]
    )
    return output
