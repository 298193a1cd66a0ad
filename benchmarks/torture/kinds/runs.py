"""What commands leave and take up again: bundles, configs, and the records of a run so far."""

import contextlib
import csv
import io
import json
from functools import cache
from pathlib import Path

from datasets.output.text import to_json
from pipeline.evaluation.labelled_split import source_of_config
from pipeline.reading.bundle import load_bundle, save_bundle
from pipeline.training.command_line import StrandCLI, command_line
from pipeline.writing.journal import Journal
from pipeline.writing.sink import RecordSink
from pipeline.writing.writers import Writer, open_writer
from tests.support.records import page_record
from tests.support.small import WORDS, tiny_bundle

from . import Kind
from .tables import REVIEWS

SOURCE = """
  source:
    class_path: datasets.Reviews
    init_args: {root: reviews.csv, validation: 0.5, min_count: 1, labels: [good, bad]}
"""
HOW = {"a bundle of SHA-256": "f00", "--n_best": "1"}
VALID = "valid.yaml"
INPUTS = [f"{number}.png" for number in range(6)]


def bundle(folder: Path) -> list[bytes]:
    save_bundle(tiny_bundle(), folder / "seed.safetensors")
    return [(folder / "seed.safetensors").read_bytes()]


def read_bundle(path: Path) -> None:
    load_bundle(str(path))


def source_config(folder: Path) -> list[bytes]:
    (folder / "reviews.csv").write_bytes(REVIEWS)
    return [f"data:{SOURCE}".encode()]


def read_source(path: Path) -> None:
    with contextlib.chdir(path.parent), one_error(path):
        source_of_config(Path(path.name))


def configs(folder: Path) -> list[bytes]:
    (folder / "reviews.csv").write_bytes(REVIEWS)
    made, (start, end) = WORDS, ("\n  source:", "\n  batch_size")
    real = made[: made.index(start)] + SOURCE + made[made.index(end) + 1 :]
    (folder / VALID).write_text(made)
    return [made.encode(), real.encode()]


class Parsed(Exception):  # noqa: N818, no error
    """The options are parsed, by the command line that it holds: nothing is to be built of them."""


class ParsingCLI(StrandCLI):
    """The command line of `fit`, up to the moment when it knows what to train."""

    def before_instantiate_classes(self) -> None:
        raise Parsed(self)


@cache
def fit_command() -> StrandCLI:
    """The command line, of which making its parser takes a second."""
    try:
        return command_line(ParsingCLI, ["fit", "-c", VALID])
    except Parsed as parsed:
        return parsed.args[0]


def parse_config(path: Path) -> None:
    with contextlib.chdir(path.parent), one_error(path):
        command = fit_command()
        command.parse_arguments(command.parser, ["fit", "-c", path.name])


@contextlib.contextmanager
def one_error(path: Path):
    """A parser ends with the usage and one line of what is wrong: here a ValueError of them."""
    said, status = io.StringIO(), 0
    try:
        with contextlib.redirect_stderr(said):
            yield
    except SystemExit as end:
        status = end.code
    if status:
        _, reason = said.getvalue().splitlines()
        assert status == 2 and reason.startswith("error: "), reason
        raise ValueError(f"{path}: {reason}")


def journal(_: Path) -> list[bytes]:
    """Records of half of the inputs: of lines, and of pages."""
    head = to_json({"partial": HOW})
    lines = [{"input": name, "text": "a line", "confidence": 0.5} for name in INPUTS[:3]]
    lines[1] = {"input": INPUTS[1], "error": f"{INPUTS[1]}: not an image"}
    pages = [page_record(["a line", None, "another"], name) for name in INPUTS[:3]]
    return ["\n".join([head, *map(to_json, rows), ""]).encode() for rows in (lines, pages)]


def resume(path: Path) -> None:
    """Go on with the records at PATH, fuzzed.csv.partial: each input has its rows in the end."""
    output = path.with_suffix("")

    def open_csv(stack: contextlib.ExitStack) -> Writer:
        return open_writer("csv", "text", INPUTS, str(output), stack)

    with (
        Journal(str(output), HOW, resume=True) as kept,
        RecordSink(open_csv, kept, str(output)) as sink,
    ):
        for name in sink.remaining(iter(INPUTS), str):
            sink.add({"input": name, "text": "a line", "confidence": 0.5})
        sink.finish()
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    found = list(dict.fromkeys(row[0].partition("#")[0] for row in rows))
    assert found == INPUTS, json.dumps(rows)


KINDS = {
    "bundles": Kind(".safetensors", bundle, (read_bundle,)),
    "configs": Kind(".yaml", source_config, (read_source,)),
    "configs of fit": Kind(".yaml", configs, (parse_config,)),
    "journals": Kind(".csv.partial", journal, (resume,)),
}
