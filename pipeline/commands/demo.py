"""Read the shipped samples, train a tiny model, and write a page of both, in a minute."""

import argparse
import csv
import logging
import shlex
import sys
import time
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

import matplotlib
import torch
from rapidfuzz.distance import Levenshtein
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from datasets.lines.folders import LineFolder
from datasets.lines.listing import transcripts
from datasets.output.files import write_whole
from datasets.output.text import make_console, print_error

from ..reading.inputs import expand_inputs
from ..reading.prediction import Recognizer, load_recognizer
from ..reading.text_items import each
from ..reports import html as report
from ..scoring.metrics import Score, compute_scores, describe_score, tally_texts
from . import demo_video

MODEL, REVIEWS = "lines-en", "reviews-en"
ROOT = Path(__file__).resolve().parents[2]
SAMPLE_MAKER = "datasets/lines/synthetic/sample_page.py"
SAMPLES = ROOT / "datasets" / "samples"
REPORT = Path("reports") / "demo.html"
TRAINING_SECONDS = 20
FONTS = [  # of matplotlib: the same on every machine
    Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVu{style}.ttf").as_posix()
    for style in ("Sans", "Serif", "SansMono")
]
TINY = [  # digits in three fonts, and a network that learns them in seconds on a laptop
    "--data.source.alphabet=0123456789",
    f"--data.source.fonts={FONTS}",
    "--data.source.count=240",
    "--data.source.validation=60",
    "--data.source.test=0",
    "--data.source.height=20",
    "--data.batch_size=8",
    "--model.encoder.channels=[8,16,32,48]",
    "--model.recurrent.hidden_size=64",
    "--model.shortcut=models.CTCHead",
    "--model.shortcut_weight=0.5",
    "--model.learning_rate=8.0e-3",
    "--model.schedule=constant",  # a slow machine sees too few lines for a decay
    "--model.warmup_steps=20",
    "--trainer.max_epochs=40",
    "--trainer.enable_model_summary=false",
]


class Reading(NamedTuple):
    """Readings of the sample lines, scores by name, and the warm speed in lines per second."""

    rows: list[report.Line]
    scores: dict[str, Score]
    per_second: float


def read_samples(recognizer: Recognizer, folder: Path) -> Reading:
    """Read the labelled lines of a folder twice; the first, slower pass is not timed."""
    labelled = [(image, text) for image, text, _ in transcripts(LineFolder(str(folder)))]
    items = [str(image) for image, _ in labelled]
    list(recognizer.predict(items))
    started = time.perf_counter()
    records = list(recognizer.predict(items))
    seconds = time.perf_counter() - started
    rows = []
    for record, (image, text) in zip(records, labelled, strict=True):
        if "error" in record:
            raise ValueError(f"{record['error']}; make the samples again: {SAMPLE_MAKER}")
        rows.append(report.Line(image, record["text"], text, record["confidence"]))
    tally = tally_texts([row.reading for row in rows], [row.target for row in rows], items)
    return Reading(rows, compute_scores(tally), len(rows) / seconds)


def read_sample_page(recognizer: Recognizer) -> str:
    """The text of the sample page, whose lines are found first."""
    recognizer.layout = "page"
    (record,) = recognizer.predict([str(SAMPLES / "page.png")])
    recognizer.layout = "line"
    if "error" in record:
        raise ValueError(f"{record['error']}; make the samples again: {SAMPLE_MAKER}")
    return record["text"]


def line_table(rows: Sequence[report.Line]) -> Table:
    """File, reading and confidence; where a reading is wrong, the target is below it."""
    table = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1), pad_edge=False)
    table.add_column("file", style="cyan", no_wrap=True)
    table.add_column("reading, and below it the target if they differ", overflow="fold")
    table.add_column("sure", justify="right", no_wrap=True)
    for row in rows:
        reading, target = Text(row.reading), Text(f"\n{row.target}", style="dim")
        for tag, a, b, c, d in Levenshtein.opcodes(row.reading, row.target):
            if tag != "equal":
                reading.stylize("bold red underline", a, b)
                target.stylize("not dim green underline", c + 1, d + 1)  # after the line break
        if row.reading != row.target:
            reading = Text.assemble(reading, target)
        table.add_row(row.image.name, reading, f"{100 * row.confidence:.1f} %")
    return table


def review_table(recognizer: Recognizer, path: Path) -> Table:
    """The label and the confidence of each review of a CSV file."""
    reviews = each(expand_inputs([str(path)], recognizer.bundle.reader, REVIEWS))
    table = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1), pad_edge=False)
    table.add_column("review", overflow="fold")
    table.add_column("reading")
    table.add_column("sure", justify="right", no_wrap=True)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, record in zip(rows, recognizer.predict(reviews), strict=True):
        correct = record["label"] == row["label"]
        reading = Text(record["label"], style="" if correct else "bold red underline")
        table.add_row(Text(row["text"]), reading, f"{100 * record['confidence']:.1f} %")
    return table


def train(name: str, seconds: int, *options: str) -> tuple[int, str]:
    """Train the tiny model in runs/NAME; returns the exit status and the equivalent command."""
    from . import fit  # importing Lightning takes seconds: show the readings first

    for library in ("pytorch_lightning", "lightning_fabric"):  # hide their hints
        logging.getLogger(library).setLevel(logging.WARNING)
    start = ["fit", "-c", str(ROOT / "configs" / "ocr_lines.yaml")]
    limit = f"--trainer.max_time=00:00:{seconds // 60:02}:{seconds % 60:02}"
    options = (f"--name={name}", limit, *TINY, *options)
    command = " \\\n  ".join([f"python run.py {shlex.join(start)}", *map(shlex.quote, options)])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more gain little here, and stall on busy cores
    try:
        return fit.main([*start, *options]), command
    finally:
        torch.set_num_threads(threads)


def free_name(folder: Path, stem: str) -> str:
    """The first of stem, stem-2, stem-3 ... that does not exist in the folder."""
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(name for name in names if not (folder / name).exists())


def learning_curves(run: Path) -> dict[str, list[tuple[float, float]]]:
    """Points (seconds since the start, value) of loss and CER from a run's TensorBoard log."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()  # 0: all of them
    started, logged = log.FirstEventTimestamp(), log.Tags()["scalars"]
    titles = {
        "validation/cer": "character error rate on lines kept apart, %",
        "train/loss": "training loss",
    }
    return {
        title: [(s.wall_time - started, s.value) for s in log.Scalars(tag)] if tag in logged else []
        for tag, title in titles.items()
    }


def write_report(
    reading: Reading,
    page: str,
    facts: dict[str, str],
    video_sections: list[str],
    run: Path,
    command: str,
) -> None:
    """Write the page of the demo to REPORT. page: the text of the sample page."""
    sections = [
        report.facts(facts),
        report.heading("The page"),
        report.figure(
            SAMPLES / "page.png",
            f"Set, aged and cut into lines by Strand itself ({SAMPLE_MAKER}), so it shows what "
            " a reading looks like; how well real scans are read, the benchmarks tell.",
        ),
        report.details("its text, as it was read", page),
        report.heading("Its lines, a receipt and a letter"),
        report.paragraph(
            "The bar is the probability that the whole line is right, as the model sees it."
        ),
        report.line_cards(reading.rows),
        *video_sections,
        report.heading(f"A model trained in {TRAINING_SECONDS} seconds"),
        report.paragraph(
            "It learns to read digits from nothing, on lines that are typeset and degraded while "
            "it trains."
        ),
        report.curves(learning_curves(run), "seconds"),
        report.details("the command", command),
        report.details("its config", (run / "config.yaml").read_text(encoding="utf-8")),
    ]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    title, lead = "Strand: the demo", f"{len(reading.rows)} lines read by {MODEL}"
    write_whole(REPORT, report.document(title, lead, sections))


def main(arguments: Sequence[str] = ()) -> int:
    """0; 2 if the bundle or the samples are missing or cannot be used."""
    argparse.ArgumentParser(
        prog="python -m pipeline.commands.demo", description=__doc__
    ).parse_args(arguments)
    console, started = make_console(), time.perf_counter()
    try:
        recognizer = load_recognizer(MODEL)
        reading = read_samples(recognizer, SAMPLES / "lines")
        page = read_sample_page(recognizer)
        reviews = review_table(load_recognizer(REVIEWS), SAMPLES / "reviews.csv")
        videos = demo_video.read_samples(SAMPLES / "clips")
    except (OSError, ValueError) as error:
        print_error(error)
        return 2
    console.print(page, markup=False, highlight=False)
    found = sum(map(bool, page.splitlines()))  # an empty line stands between paragraphs
    console.print(f"a page of {found} lines, found and read by {MODEL}\n")
    console.print(line_table(reading.rows))
    console.print(describe_score("cer", reading.scores["cer"], "lines"))
    console.print(f"{len(reading.rows)} lines, {reading.per_second:.0f} a second, by {MODEL}\n")
    console.print(reviews)
    console.print(f"reviews written for this demo, read by {REVIEWS}\n")
    demo_video.show(videos, console)
    console.print(f"Now a tiny model learns to read digits, for {TRAINING_SECONDS} seconds:")
    run = Path("runs") / free_name(Path("runs"), "demo")
    status, command = train(run.name, TRAINING_SECONDS)
    if status:
        return status
    precision = str(recognizer.precision).removeprefix("torch.")
    facts = {
        "character error rate": f"{reading.scores['cer'].value:.2f} %",
        "lines without an error": f"{reading.scores['exact'].value:.0f} %",
        "lines a second": f"{reading.per_second:.0f}",
        "clips right": f"{videos.motions.scores['accuracy'].value:.0f} %",
        "frames right": f"{videos.events.scores['frame_accuracy'].value:.0f} %",
        "on": f"{recognizer.device.type}, {precision}",
        "the demo in all": f"{time.perf_counter() - started:.0f} s",
    }
    write_report(reading, page, facts, demo_video.sections(videos), run, command)
    console.print(f"report: {REPORT}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
