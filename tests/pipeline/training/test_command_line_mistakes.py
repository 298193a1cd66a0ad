"""A mistake in a config or on the command line is reported in one line, before any training."""

from pathlib import Path

import pytest

from tests.support.small import WORDS

pytestmark = pytest.mark.usefixtures("folder")


def change(old: str, new: str) -> str:
    """Write a config with one mistake in it and return its name."""
    assert old in WORDS
    Path("wrong.yaml").write_text(WORDS.replace(old, new), encoding="utf-8")
    return "wrong.yaml"


def test_a_misspelt_class_is_found(command):
    err = command("fit", "-c", "words.yaml", "--model.recurrent=models.RecurentStack").err
    assert "'models' has no attribute 'RecurentStack'" in err
    assert "; did you mean 'RecurrentStack'?" in err


HEAD = "class_path: models.SequenceClassificationHead"
MISTAKES = [
    (
        "max_epochs",
        "max_epoch",
        "no option 'trainer.max_epoch'; did you mean 'trainer.max_epochs'?",
    ),
    (
        "  batch_size: 4",
        "  batch_sise: 4",
        "no option 'data.batch_sise'; did you mean 'data.batch_",
    ),
    ("data:", "date:", "no option 'date."),
    (
        "embedding_size",
        "embedding_sise",
        "model.encoder: Option 'embedding_sise' is not accepted by models.TokenEmbedding; "
        "did you mean 'embedding_size'? It takes input_size, embedding_size, dropout",
    ),
    (
        "count: 12",
        "cuont: 12",
        "data.source: Option 'cuont' is not accepted by datasets.SyntheticReviews; "
        "did you mean 'count'? It takes count, validation, test, seed",
    ),
    ("size: 8", "size: eight", "model.encoder.embedding_size: Expected a int. Got value: eight"),
    ("batch_size: 4", "batch_size: 4.5", "data.batch_size: Expected a int. Got value: 4.5"),
    (HEAD, "class_path: models.LineCNN", "model.head: Expected 'models.LineCNN' to be a subclass"),
    (HEAD, "class_path: models.Haed", "model.head: module 'models' has no attribute 'Haed'"),
    (
        HEAD,
        f"{HEAD}\n    init_args: {{pooling: most}}",
        "model.head.pooling: Expected a Literal['last', 'mean', 'max', 'max_mean', "
        "'last_max_mean', 'attention']. Got value: mo",
    ),
    ("class_path: datasets.SyntheticReviews", "class_path: models.CTCHead", "data.source: "),
    ("model:", "model: [", "Problems parsing config: "),
]


@pytest.mark.parametrize(("old", "new", "says"), MISTAKES)
def test_a_mistake_in_a_config_is_one_line(command, old, new, says):
    code, out, err = command("fit", "-c", change(old, new))
    usage, error = err.splitlines()
    assert (code, out) == (2, "")
    assert usage.startswith("usage: python run.py fit|validate|test -c CONFIG") and len(usage) < 100
    assert error.startswith(f"error: {says}") and len(error) < 400
    assert not Path("runs").exists()


ARGUMENTS = [
    (
        ["--trainer.max_epoch=4"],
        "no option 'trainer.max_epoch'; did you mean 'trainer.max_epochs'?",
    ),
    (["--seed=4"], "no option 'seed'"),
    (
        ["--model.recurent.hidden_size=4"],
        "no option 'model.recurent.hidden_size'; did you mean 'model.recurrent.hidden_size'?",
    ),
    (["--model.head=models.CTCHaed"], "model.head: "),
    (
        ["--model.encoder.embedding_sise=4"],
        "model.encoder: Option 'embedding_sise' is not accepted",
    ),
    (["--data.batch_size=many"], "data.batch_size: Expected a int. Got value: many"),
    (["-c", "none.yaml"], "config: File does not exist: "),
    (["--ckpt_path=none.ckpt"], "Checkpoint file not found: none.ckpt"),
    (["--ckpt_path=words.yaml"], "words.yaml: not a checkpoint"),
    (["--init_from=none"], "no bundle 'none'; shipped are: "),
    (["--data.source.count=-1"], "SyntheticReviews: count=-1; give at least 1"),
    (["--data.batch_size=0"], "batch_size 0: at least 1"),
]


@pytest.mark.parametrize(("arguments", "says"), ARGUMENTS)
def test_a_mistake_on_the_command_line_is_one_line(command, arguments, says):
    code, _, err = command("fit", "-c", "words.yaml", *arguments)
    assert code == 2
    assert err.splitlines()[-1].startswith(f"error: {says}")
    assert sum(line.startswith("error") for line in err.splitlines()) == 1
    assert "Traceback" not in err


def test_a_config_is_needed(command):
    code, _, err = command("fit")
    assert code == 2 and "error: the following arguments are required: fit.model.encoder" in err


def test_missing_data_and_an_empty_split_are_one_line(command):
    code, _, err = command("fit", "-c", "lines.yaml")
    assert code == 2 and "error: no such data: lines; set STRAND_DATA" in err
    code, _, err = command("validate", "-c", "words.yaml", "--data.source.validation=0")
    assert code == 2 and "error: the validation split is empty; keep a group for it" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--trainer.accelerator", "gpu"], "trainer: No supported gpu backend found!"),
        (["--trainer.accelerator", "tpu"], "trainer: Requirement 'torch_xla"),
        (["--trainer.strategy", "none"], "invalid strategy name"),
        (["--trainer.profiler", "none"], "trainer: When passing string value for the `profiler`"),
        (["--trainer.limit_val_batches", "1.5"], "trainer: You have passed invalid value 1.5"),
    ],
)
def test_what_lightning_calls_a_misconfiguration_is_one_line(command, monkeypatch, options, says):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, err = command("fit", "-c", "words.yaml", *options)
    errors = [line for line in err.splitlines() if "error" in line]
    assert code == 2 and len(errors) == 1 and errors[0].startswith("error: ") and says in errors[0]
    assert "Traceback" not in err
