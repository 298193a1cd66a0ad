"""How well lines are read by a bundle that has not seen their source, and how sure of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.lines.source import RealLines
from models.decoding.beam import BeamSearch
from pipeline.fitting.calibration import EvidenceRecognizer
from pipeline.reading.bundle import load_bundle
from pipeline.reading.records import reading_confidence
from pipeline.scoring.metrics import Normalization, Score, compute_scores, tally_texts
from pipeline.scoring.readings import text_of
from pipeline.scoring.string_confidence import StringCalibration, fit_platt_scaling
from pipeline.scoring.temperature import (
    chance_calibration_error,
    expected_calibration_error,
    num_bins,
)

from ...table import score_cell
from .variants import ALL, source_arguments, source_of, sources_of

SOURCES = ["source", "lines", "groups", "CER % never seen (95 %)", "exact %", "ECE %"]
SOURCES += ["fitted to other sources", "by chance"]
SOURCES += ["validation lines", "CER % never seen", "CER % other groups seen"]
EACH = 2000  # lines that each source counts as in a joint fit


class Lines(NamedTuple):
    """Lines of one source: their images, transcripts and groups."""

    paths: list[str]
    texts: list[str]
    groups: list[str]
    any_case: bool


class Read(NamedTuple):
    """How one bundle reads M of some lines. confidences, log_p, right: (M,) of each whole line."""

    cer: Score
    exact: Score
    confidences: np.ndarray
    log_p: np.ndarray
    right: np.ndarray

    def ece(self, fitted: StringCalibration | None = None) -> float:
        """Calibration error in percent of the bundle's confidences, or of those of another fit."""
        given = self.confidences if fitted is None else fitted.confidences(self.log_p)
        return expected_calibration_error(given, self.right, num_bins(len(given)))


def kept_lines(options: dict, source: str, splits: Sequence[str]) -> Lines:
    """The lines of a source in these splits, as all folders of the config together split them."""
    found, any_case = [], False
    for arguments in source_arguments(options):
        real, folders = RealLines(**arguments), arguments["folders"]
        own = {i for i, folder in enumerate(folders) if source_of(folder) == source}
        found += [line for split in splits for line in real.lines[split] if line.folder in own]
        any_case |= any(folders[i].any_case for i in own)
    columns = ([getattr(line, key) for line in found] for key in ("path", "text", "group"))
    return Lines(*columns, any_case)


def read_lines(path: Path, lines: Lines, search: BeamSearch | None = None) -> Read:
    """Read lines by a bundle and score them. search: of another bundle of the same labels."""
    bundle = load_bundle(str(path))
    bundle.decoder, labels = search, bundle.labels
    answers = list(EvidenceRecognizer(bundle).answers(lines.paths))
    found = [a.reading for a in answers if not isinstance(a.reading, str)]
    texts = ["" if isinstance(a.reading, str) else text_of(a.reading[0], labels) for a in answers]
    normalization = Normalization(lines.any_case, fold_punctuation=True)
    tally = tally_texts(texts, lines.texts, lines.groups, normalization)
    scores, right = compute_scores(tally), tally.counts["exact"][0][:, 0].astype(bool)
    return Read(
        scores["cer"],
        scores["exact"],
        np.array([reading_confidence(bundle, one.reading) for one in found]),
        np.array([one.score for one in found]),
        right[[not isinstance(a.reading, str) for a in answers]],
    )


def read_unseen(
    options: dict, bundles: Mapping[str, Path], search: BeamSearch | None = None
) -> dict[str, tuple[Lines, Read]]:
    """The training and validation lines of each source, by the bundle trained without it."""
    found = {}
    for source in sources_of(options):
        if f"without {source}" in bundles:
            lines = kept_lines(options, source, ["train", "validation"])
            found[source] = lines, read_lines(bundles[f"without {source}"], lines, search)
    return found


def joint_fit(reads: Sequence[Read]) -> StringCalibration:
    """The confidence fitted to the lines of all sources, each of which counts the same."""
    return fit_platt_scaling(*(
        np.concatenate([np.resize(getattr(one, key), EACH) for one in reads])
        for key in ("log_p", "right")
    ))  # fmt: skip


def source_rows(
    options: dict, bundles: Mapping[str, Path], unseen: Mapping[str, tuple[Lines, Read]]
) -> list[list[str]]:
    """The table of sources: each read by the training without it, and by that with all folders."""
    rows = [SOURCES]
    for source, (lines, found) in unseen.items():
        others = [read for other, (_, read) in unseen.items() if other != source]
        chance = chance_calibration_error(found.confidences, num_bins(len(found.right)))
        row = [source, str(len(lines.paths)), str(len(set(lines.groups))), score_cell(found.cer)]
        row += [f"{found.exact.value:.0f}", f"{found.ece():.1f}"]
        row += [f"{found.ece(joint_fit(others)):.1f}" if others else "-", f"{chance:.1f}"]
        kept = kept_lines(options, source, ["validation"])
        if kept.paths and ALL in bundles:
            both = (read_lines(bundles[k], kept) for k in (f"without {source}", ALL))
            row += [str(len(kept.paths)), *(f"{one.cer.value:.2f}" for one in both)]
        rows.append(row + ["-"] * (len(SOURCES) - len(row)))
    return rows


def curve_rows(options: dict, bundles: Mapping[str, Path]) -> list[list[str]]:
    """The learning curve: CER on each source's validation lines by number of real lines."""
    kept = {source: kept_lines(options, source, ["validation"]) for source in sources_of(options)}
    kept = {source: lines for source, lines in kept.items() if lines.paths}
    rows = [["real lines", *kept]]
    for name, bundle in bundles.items():
        if not name.startswith("without"):
            cells = [f"{read_lines(bundle, lines).cer.value:.2f}" for lines in kept.values()]
            rows.append([name, *cells])
    return rows
