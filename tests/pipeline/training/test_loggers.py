"""TensorBoard and metrics.csv always, and beside them the loggers of the config."""

import csv
import importlib.util
import json
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.training.loggers import MetricsTable, logger_options, read_rows
from tests.support.small import WORDS

pytestmark = pytest.mark.usefixtures("folder")
RUN = Path("runs/words")
MINE = """
import json
from pytorch_lightning.loggers import Logger

class Lines(Logger):
    name, version = "lines", "0"

    def __init__(self, path: str):
        self.path = path

    def log_hyperparams(self, *given, **named):
        pass

    def log_metrics(self, metrics, step=None):
        with open(self.path, "a") as file:
            file.write(json.dumps(metrics) + "\\n")
"""


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_all_metrics_with_epochs_from_one(run):
    run("fit", "-c", "words.yaml", "--trainer.log_every_n_steps=1")
    rows = table(RUN / "metrics.csv")
    assert [row["step"] for row in rows if row["train/loss"]] == list("012345")
    assert [row["epoch"] for row in rows if row["train/loss"]] == ["1.0"] * 3 + ["2.0"] * 3
    validated = [row for row in rows if row["validation/error"]]
    assert [row["epoch"] for row in validated] == ["1.0", "2.0"]
    assert [row["epoch"] for row in rows if row["speed/samples_per_second"]] == ["1.0", "2.0"]
    assert list(RUN.glob("events.out.tfevents.*"))


def test_a_resumed_training_goes_on_with_the_table(run):
    run("fit", "-c", "words.yaml", "--name=whole", "--trainer.max_epochs=3")
    run("fit", "-c", "words.yaml", "--name=parts", "--trainer.max_epochs=1")
    with open("runs/parts/metrics.csv", "a", encoding="utf-8") as file:
        file.write("5,1,2")  # logged after the checkpoint, cut by a kill
    last = "runs/parts/checkpoints/last.ckpt"
    run("fit", "-c", "words.yaml", f"--ckpt_path={last}", "--trainer.max_epochs=3")
    run("fit", "-c", "words.yaml", f"--ckpt_path={last}", "--name=new", "--trainer.max_epochs=4")
    tables = [table(Path(f"runs/{name}/metrics.csv")) for name in ("whole", "parts")]
    for rows in tables:
        for row in rows:  # no times
            del row["speed/samples_per_second"], row["speed/waiting_percent"]
    assert tables[0] == tables[1]
    assert len(table(Path("runs/new/metrics.csv"))) == len(tables[1]) + 4  # the tenth step too


def test_rows_are_kept_up_to_the_first_step_that_is_logged_again(tmp_path):
    first = MetricsTable(tmp_path)
    for step in (9, 19, 29):
        first.log_metrics({"loss": step / 10}, step)
    first.log_metrics({"error": 50.0, "loss": 3.0}, 29)  # another column
    assert first.name == tmp_path.name and first.version == ""
    again = MetricsTable(tmp_path)
    again.log_metrics({"loss": 5.0, "rate": 1.0}, 19)
    rows = read_rows(tmp_path / "metrics.csv")
    assert [(row["step"], row["loss"], row["rate"]) for row in rows] == [
        ("9", "0.9", ""),
        ("19", "5.0", "1.0"),
    ]
    anew = MetricsTable(tmp_path / "new", before=tmp_path)
    (tmp_path / "new").mkdir()
    anew.log_metrics({"loss": 7.0}, 25)
    assert [row["step"] for row in read_rows(tmp_path / "new/metrics.csv")] == ["9", "19", "25"]


def test_a_logger_of_the_config_is_added(run, monkeypatch):
    Path("own_loggers.py").write_text(MINE, "utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    config = yaml.safe_load(WORDS)
    config["trainer"]["logger"] = {
        "class_path": "own_loggers.Lines",
        "init_args": {"path": "lines"},
    }
    Path("own.yaml").write_text(yaml.safe_dump(config), "utf-8")
    run("fit", "-c", "own.yaml", "--allow_import=own_loggers", "--name=words")
    lines = [json.loads(line) for line in Path("lines").read_text("utf-8").splitlines()]
    assert [line["epoch"] for line in lines if "validation/error" in line] == [1.0, 2.0]
    assert table(RUN / "metrics.csv") and list(RUN.glob("events.out.tfevents.*"))


@pytest.mark.parametrize("many", [False, True])
def test_lightnings_loggers_write_into_the_folder_of_the_run(run, many):
    """Their place cannot be given in a config; the run can be gone on with from its own."""
    names = ["CSVLogger", "TensorBoardLogger"] if many else ["CSVLogger"]
    specs = [{"class_path": f"pytorch_lightning.loggers.{name}"} for name in names]
    specs[-1]["init_args"] = {"name": "more"}
    config = yaml.safe_load(WORDS)
    config["trainer"]["logger"] = specs if many else specs[0]
    Path("own.yaml").write_text(yaml.safe_dump(config), "utf-8")
    run("fit", "-c", "own.yaml", "--name=words")
    found = {str(p.relative_to(RUN).parent) for p in RUN.rglob("metrics.csv")}
    found |= {str(p.relative_to(RUN).parent) for p in RUN.rglob("events.out.tfevents.*")}
    wanted = {"lightning_logs/version_0", "more/version_0"} if many else {"more/version_0"}
    assert found == {"."} | wanted
    last = "--ckpt_path=runs/words/checkpoints/last.ckpt"
    run("fit", "-c", "runs/words/config.yaml", last, "--trainer.max_epochs=3")
    assert len(table(RUN / "metrics.csv")) == 6


def test_a_place_given_on_the_command_line_stays(run):
    run("fit", "-c", "words.yaml", "--trainer.logger=CSVLogger", "--trainer.logger.save_dir=logs")
    assert list(Path("logs").rglob("metrics.csv")) and (RUN / "metrics.csv").exists()


@pytest.mark.parametrize("given", ["true", "false", "null"])
def test_without_a_logger_there_are_the_two(run, given):
    run("fit", "-c", "words.yaml", f"--trainer.logger={given}", "--trainer.max_epochs=1")
    assert (RUN / "metrics.csv").exists() and list(RUN.glob("events.out.tfevents.*"))


def test_only_loggers_that_need_a_place_are_completed():
    csv_logger = {"class_path": "pytorch_lightning.loggers.CSVLogger"}
    for given in (
        None,
        False,
        [],
        "WandbLogger",
        csv_logger | {"save_dir": "logs"},
        [csv_logger, 3],
    ):
        assert logger_options(given) == []
    (option,) = logger_options("CSVLogger")
    filled = {"class_path": "CSVLogger", "init_args": {"save_dir": "runs"}}
    assert option == f"--trainer.logger={json.dumps([filled])}"


@pytest.mark.parametrize(
    ("name", "package"), [("WandbLogger", "wandb"), ("MLFlowLogger", "mlflow")]
)
def test_a_package_that_is_not_installed_is_named(command, name, package):
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    code, _, err = command("fit", "-c", "words.yaml", f"--trainer.logger={name}")
    assert code == 2 and "Traceback" not in err
    (error,) = (line for line in err.splitlines() if line.startswith("error: "))
    assert f"{name}: Requirement '{package}" in error and "pip install" in error
    assert len(error) < 200 and not list(Path("runs").iterdir())
