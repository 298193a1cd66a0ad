"""A config names classes of Strand and its libraries, or of a module that the user allowed."""

import sys
from pathlib import Path

import pytest
import yaml

from pipeline.class_paths import allow_imports, check_classes
from tests.support.small import WORDS

pytestmark = pytest.mark.usefixtures("folder")

TOUCH = "{command: touch attacked}"
ATTACKS = {  # slot: class_path and init_args of what would run
    "encoder": [
        ("os.system", TOUCH),
        ("subprocess.getoutput", "{cmd: touch attacked}"),
        ("subprocess.Popen", "{args: [touch, attacked]}"),
        ("builtins.eval", "{source: \"open('attacked', 'w')\"}"),
        ("builtins.open", "{file: attacked, mode: w}"),
        ("datasets.files.os.system", TOUCH),
        ("pytorch_lightning.callbacks.timer.time.sleep", "{secs: 100}"),
        ("albumentations.load", "{filepath_or_buffer: words.yaml}"),
        ("torch.hub.load", "{repo_or_dir: a/b, model: c}"),
        ("jsonargparse.set_parsing_settings", "{import_path_allowlist: [os]}"),
        ("tests.support.small.tiny_model", "{}"),
    ],
    "recurrent": [("os.system", TOUCH)],
    "head": [("shutil.rmtree", "{path: runs}"), ("os.system", TOUCH)],
    "wide": [("os.system", TOUCH)],
    "shortcut": [("functools.partial", "{func: os.system}")],
}
DEFINED = {  # under another name
    "datasets.files.os.system": "posix.system",
    "pytorch_lightning.callbacks.timer.time.sleep": "time.sleep",
}
ATTACKED = [(slot, *attack) for slot, attacks in ATTACKS.items() for attack in attacks]


def refused(outcome, path: str) -> None:
    """One line says that the class may not be named, and no file was made."""
    error = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert outcome.code == 2 and len(error) == 1 and "Traceback" not in outcome.err
    assert f"'{DEFINED.get(path, path)}' is no class that a config may name" in error[0]
    assert len(error[0]) < 400
    assert not Path("attacked").exists() and not Path("runs").exists()


@pytest.mark.parametrize(("slot", "path", "options"), ATTACKED)
def test_no_part_of_a_network_runs_a_command(command, slot, path, options):
    config = yaml.safe_load(WORDS)
    config["model"][slot] = {"class_path": path, "init_args": yaml.safe_load(options)}
    Path("attack.yaml").write_text(yaml.safe_dump(config), "utf-8")
    refused(command("fit", "-c", "attack.yaml"), path)


OF_ANOTHER_KIND = ["datasets.write_boris", "models.encoders.images.ConvBlock", "models.LineCNN.to"]


@pytest.mark.parametrize("path", OF_ANOTHER_KIND)
def test_functions_and_hidden_classes_of_strand_are_refused(command, path):
    outcome = command("fit", "-c", "words.yaml", f"--model.encoder={path}")
    assert outcome.code == 2 and "\nerror: model.encoder: " in outcome.err
    with pytest.raises(TypeError, match=f'Parser key "a.b": {path!r} is no class that a config'):
        check_classes({"a": {"init_args": {"b": [{"class_path": path}]}}})


def test_the_command_line_runs_nothing_either(command):
    refused(command("fit", "-c", "words.yaml", "--model.head=os.system"), "os.system")
    attack = f"{{class_path: os.system, init_args: {TOUCH}}}"
    refused(command("fit", "-c", "words.yaml", f"--model.encoder={attack}"), "os.system")


OTHER_SLOTS = [
    "trainer.callbacks=[{class_path: subprocess.Popen, init_args: {args: [touch, attacked]}}]",
    f"trainer.logger={{class_path: os.system, init_args: {TOUCH}}}",
    f"trainer.plugins=[{{class_path: os.system, init_args: {TOUCH}}}]",
    f"data.augmentations=[{{class_path: os.system, init_args: {TOUCH}}}]",
    "data.augmentations=[{class_path: albumentations.Lambda, init_args: {image: os.system}}]",
    f"data.source={{class_path: os.system, init_args: {TOUCH}}}",
    f"data.source={{class_path: datasets.Mixture, init_args: {{sources: [{{class_path: os.system,"
    f" init_args: {TOUCH}}}]}}}}",
    "trainer.callbacks=[{class_path: pytorch_lightning.callbacks.LambdaCallback, init_args: "
    "{on_fit_start: os.system}}]",
]


@pytest.mark.parametrize("slot", OTHER_SLOTS)
def test_no_other_slot_runs_a_command(command, slot):
    path = "subprocess.Popen" if "Popen" in slot else "os.system"
    refused(command("fit", "-c", "words.yaml", f"--{slot}"), path)


@pytest.mark.parametrize("name", ["evaluate", "report"])
def test_commands_that_build_the_data_of_a_config_run_nothing(command, bundle_file, name):
    source = f"{{class_path: os.system, init_args: {TOUCH}}}"
    Path("attack.yaml").write_text(f"data: {{source: {source}}}", "utf-8")
    refused(command(name, "--model", bundle_file, "--config", "attack.yaml"), "os.system")
    nested = f"{{class_path: datasets.Mixture, init_args: {{sources: [{source}, {source}]}}}}"
    Path("attack.yaml").write_text(f"data: {{source: {nested}}}", "utf-8")
    refused(command(name, "--model", bundle_file, "--config", "attack.yaml"), "os.system")


def test_a_config_cannot_allow_itself(command):
    attack = WORDS.replace("models.TokenEmbedding", "mine.Cell") + "\nallow_import: mine\n"
    Path("attack.yaml").write_text(attack, "utf-8")
    outcome = command("fit", "-c", "attack.yaml")
    assert outcome.code == 2 and "'mine.Cell' is no class that a config may name" in outcome.err


MINE = """
from models import TokenEmbedding

class Doubled(TokenEmbedding):
    def __init__(self, input_size: int, embedding_size: int = 4):
        super().__init__(input_size, embedding_size)

class Forgetful(TokenEmbedding):
    def __init__(self, input_size: int, size: int = 4, *, mode: str = "plain"):
        super().__init__(input_size, size)
        self.mode = mode

class Odd(TokenEmbedding):
    def __init__(self, input_size: int, sizes: set[int] = {4}):
        super().__init__(input_size, 4)
        self.sizes = sizes

def run(input_size: int) -> TokenEmbedding:
    raise SystemExit("run")
"""


def test_the_users_own_class_is_allowed_on_the_command_line(command, monkeypatch):
    Path("own_cells.py").write_text(MINE, "utf-8")
    Path("own.yaml").write_text(WORDS.replace("models.TokenEmbedding", "own_cells.Doubled"))
    monkeypatch.setattr(sys, "path", [*sys.path])  # the working folder is added to it
    refused(command("fit", "-c", "own.yaml"), "own_cells.Doubled")
    assert "own_cells" not in sys.modules
    outcome = command("fit", "-c", "own.yaml", "--allow_import", "own_cells")
    assert outcome.code == 0, outcome.err
    outcome = command("--allow_import=own_cells", "fit", "-c", "own.yaml", "--name=again")
    assert outcome.code == 0, outcome.err
    asked = "--model.encoder=own_cells.run"
    outcome = command("fit", "-c", "words.yaml", asked, "--allow_import", "own_cells")
    assert outcome.code == 2 and "'own_cells.run' is no class" in outcome.err
    assert command("fit", "-c", "own.yaml").code == 2  # it was for that run alone
    bundle = "runs/own/best.safetensors"
    predict = ("predict", "a fine film", "--model", bundle)
    ask = f"error: {bundle}: 'own_cells.Doubled' is a part of somebody's own; if you have and trust"
    for given in (
        predict,
        ("evaluate", "--model", bundle, "--config", "own.yaml"),
        ("report", "--model", bundle, "--config", "own.yaml"),
        ("calibrate", "--model", bundle, "--config", "own.yaml"),
        ("fit", "-c", "words.yaml", "--init_from", bundle),
    ):
        outcome = command(*given)
        assert outcome.code == 2 and ask in outcome.err and "Traceback" not in outcome.err
    assert command(*predict, "--allow_import", "own_cells").code == 0
    other = command(*predict, "--allow_import", "tests.support")
    assert other.code == 2 and ask in other.err


@pytest.mark.parametrize(("name", "says"), [
    ("Forgetful", "add to __init__ self.size = size"),
    ("Odd", "not JSON serializable"),
])  # fmt: skip
def test_a_part_that_no_bundle_can_hold_is_refused_before_the_training(
    command, monkeypatch, name, says
):
    """Also with fast_dev_run, which is for trying such a part."""
    Path("own_parts.py").write_text(MINE, "utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("own.yaml").write_text(WORDS.replace("models.TokenEmbedding", f"own_parts.{name}")
                                .replace("    init_args: {embedding_size: 8}\n", ""))  # fmt: skip
    for more in ((), ("--trainer.fast_dev_run=true",)):
        outcome = command("fit", "-c", "own.yaml", "--allow_import=own_parts", *more)
        assert outcome.code == 2 and "samples: " not in outcome.out
        (error,) = (line for line in outcome.err.splitlines() if line.startswith("error: "))
        assert error.startswith("error: this network cannot be saved as a bundle: ")
        assert says in error
    assert not list(Path("runs").iterdir())
    sys.modules.pop("own_parts")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (None, "ModuleNotFoundError: No module named 'not_here'"),
        ("def broken(:", "SyntaxError: invalid syntax (not_here.py, line 1)"),
        ("\nx = unknown", "NameError: name 'unknown' is not defined at line 2 of "),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(command, monkeypatch, code, says):
    monkeypatch.setattr(sys, "path", [*sys.path])
    if code is not None:
        Path("not_here.py").write_text(code, "utf-8")
    outcome = command("fit", "-c", "words.yaml", "--allow_import=not_here")
    assert outcome.code == 2 and "Traceback" not in outcome.err
    assert f"error: --allow_import not_here: cannot be imported ({says}" in outcome.err


def test_callbacks_and_transforms_of_the_libraries_are_allowed(command):
    callbacks = (
        "[{class_path: pytorch_lightning.callbacks.ModelSummary, init_args: {max_depth: 2}}]"
    )
    outcome = command("fit", "-c", "words.yaml", f"--trainer.callbacks={callbacks}")
    assert outcome.code == 0, outcome.err


def test_only_modules_are_allowed(command):
    with pytest.raises(ValueError, match="give a module, such as"):
        allow_imports(["no/module"])
    assert "error: --allow_import '': give a module" in command("models", "--allow_import").err


def test_a_function_among_the_options_is_found_wherever_it_stands():
    check_classes({"a": [{"class_path": "models.CTCHead", "init_args": {"x": 1}}]})
    for options in ({"a": [print]}, {"class_path": "models.CTCHead.forward"}, (len,)):
        with pytest.raises(TypeError, match="is no class that a config may name"):
            check_classes(options)
