"""Where the metrics of a training go: TensorBoard and metrics.csv always, and the loggers of the
config beside them.
"""

import csv
import inspect
import io
import json
from collections.abc import Iterable
from pathlib import Path

from jsonargparse import Namespace
from pytorch_lightning import loggers
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only

from datasets.output.files import write_whole

from .defaults.given_options import class_name
from .run_folder import RUNS

TABLE = "metrics.csv"


class MetricsTable(Logger):
    """All metrics as metrics.csv in the folder of a run: a row for each time something is logged.

    Not Lightning's CSVLogger, which deletes the table of a training that goes on. Rows of an
    earlier start are kept up to the first step that is logged again.

    Args:
        folder: of the run.
        before: folder of the run that is gone on with under a new name.
    """

    def __init__(self, folder: Path, before: Path | None = None) -> None:
        super().__init__()
        self.path, self.before = folder / TABLE, before
        self.columns: list[str] = []

    @property
    def name(self) -> str:
        return self.path.parent.name

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, params, *args, **kwargs) -> None:
        """They are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        row = {"step": step} | metrics
        if not self.columns:
            self._write(self._earlier(step or 0), list(row))
        elif not row.keys() <= set(self.columns):
            self._write(read_rows(self.path), list(row))
        with open(self.path, "a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    def _earlier(self, step: int) -> list[dict[str, str]]:
        """The rows before a step that an earlier start of this training has left."""
        paths = [self.path] + ([self.before / TABLE] if self.before else [])
        path = next((path for path in paths if path.exists()), None)
        rows = read_rows(path) if path else []
        return [row for row in rows if row["step"].isdecimal() and int(row["step"]) < step]

    def _write(self, rows: list[dict[str, str]], columns: Iterable[str]) -> None:
        """Write the table anew, with the columns of its rows and more."""
        known = list(rows[0]) if rows else self.columns
        self.columns = [*dict.fromkeys([*known, *columns])]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self.path, text.getvalue())


def read_rows(path: Path) -> list[dict[str, str]]:
    """The whole rows of a table; the last is cut if a training was killed as it wrote it."""
    with open(path, encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row and None not in row.values()]


def make_loggers(folder: Path, before: Path | None, fit: bool, own: object) -> list[Logger]:
    """TensorBoard's logger, which is first, for `fit` the table, and those of the config.

    own: the trainer's option as it is built; true, false and null add none.
    """
    board = TensorBoardLogger(
        RUNS, name=str(folder.relative_to(RUNS)), version="", default_hp_metric=False
    )
    more = [own] if isinstance(own, Logger) else own if isinstance(own, list) else []
    return [board, *([MetricsTable(folder, before)] if fit else []), *more]


def logger_options(given: object) -> list[str]:
    """The option that completes loggers of a config, which cannot say where they write although
    some must be told: a placeholder for `place_loggers`. None if nothing is missing.

    given: `trainer.logger` of `given_options`.
    """
    specs = given if isinstance(given, list) else [given]
    if not all(map(class_name, specs)) or not any(map(lacks_place, specs)):
        return []
    complete = []
    for spec in specs:
        options = dict(spec) if isinstance(spec, dict) else {"class_path": spec}
        path = options.pop("class_path")
        if lacks_place(spec):
            options["save_dir"] = str(RUNS)
        complete.append({"class_path": path, "init_args": options})
    return [f"--trainer.logger={json.dumps(complete)}"]


def lacks_place(spec: object) -> bool:
    """Whether a logger of Lightning's needs a `save_dir` that it is not given."""
    cls = getattr(loggers, class_name(spec), None)
    if not inspect.isclass(cls) or (isinstance(spec, dict) and "save_dir" in spec):
        return False
    parameter = inspect.signature(cls).parameters.get("save_dir")
    return parameter is not None and parameter.default is parameter.empty


def place_loggers(option: object, folder: Path) -> None:
    """Let the loggers of the parsed options that were told no place write into the run's folder;
    MLflow's is one folder for all runs.
    """
    for spec in option if isinstance(option, list) else [option]:
        options = spec.get("init_args", {}) if isinstance(spec, Namespace) else {}
        if "save_dir" in options and options["save_dir"] in (".", str(RUNS), None):
            options["save_dir"] = str(folder)
