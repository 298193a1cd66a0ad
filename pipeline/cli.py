"""Entry point: the table of commands of `python run.py COMMAND ...`, and their dispatch."""

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from datasets.limits.pixels import OPTION as MAX_PIXELS
from datasets.limits.pixels import set_max_pixels
from datasets.limits.roots import OPTION as OUTSIDE
from datasets.limits.roots import allow_outside

from .class_paths import OPTION as IMPORTS
from .class_paths import allow_imports


class Command(NamedTuple):
    """A command. module: its file in pipeline/commands, imported only when the command is called:
    `predict` starts without Lightning.
    """

    module: str
    help: str


COMMANDS = {
    "fit": Command("fit", "train a config: fit -c CONFIG [--key=value]"),
    "validate": Command(
        "fit", "score a checkpoint on the validation split: validate -c CONFIG --ckpt_path F"
    ),
    "test": Command("fit", "score a checkpoint on the test split: test -c CONFIG --ckpt_path F"),
    "predict": Command(
        "predict",
        "read files: predict INPUT... [--model NAME|FILE] [--format text|jsonl|csv|srt|...]",
    ),
    "evaluate": Command(
        "evaluate", "score a bundle on labelled data: evaluate --model NAME|FILE --data PATH"
    ),
    "report": Command(
        "report", "write a page of readings of lines or videos: report --model B --data PATH"
    ),
    "compare": Command(
        "compare", "train configs, one table and figure of scores: compare CONFIG... [--seeds N]"
    ),
    "calibrate": Command(
        "calibrate",
        "calibrate confidences: calibrate --model M (--data D | --config C)",
    ),
    "language_model": Command(
        "language_model",
        "fit a language model for a bundle: language_model --model M --texts F... "
        "(--data LINES | --config C)",
    ),
    "doctor": Command(
        "doctor", "check the files of lines or videos before training: doctor PATH..."
    ),
    "models": Command("models", "list the bundles that ship: what they read, score, size, speed"),
    "fetch": Command("fetch", "download a public data set once and verify it: fetch NAME"),
}


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its status; 2 for an unknown one. arguments: default sys.argv."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        modules, arguments = split_option(arguments, IMPORTS)
        allow_imports(modules)
        allow_outside(OUTSIDE in arguments)
        arguments = [argument for argument in arguments if argument != OUTSIDE]
        pixels, arguments = split_option(arguments, MAX_PIXELS)
        if pixels:
            set_max_pixels(pixels[-1])
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    name = arguments[0] if arguments else "--help"
    if name in COMMANDS:
        module = import_module(f".commands.{COMMANDS[name].module}", __package__)
        sys.exit(module.main(arguments))
    width = max(map(len, COMMANDS)) + 2
    table = "\n".join(f"  {name:{width}}{command.help}" for name, command in COMMANDS.items())
    print(
        f"usage: python run.py COMMAND ...\n\n{table}\n\nCOMMAND --help tells its options.\n"
        f"With any of them, {IMPORTS} MODULE: configs and bundles may name classes of this module, "
        f"too;\n{OUTSIDE}: tables and pages may name files outside of the folder of the data; "
        f"{MAX_PIXELS} N: decode images of up to N pixels."
    )
    if name not in ("-h", "--help"):
        similar = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"did you mean '{similar[0]}'" if similar else "choose one of " + ", ".join(COMMANDS)
        question = "?" if similar else ""
        print(f"error: no command '{name}'; {hint}{question}", file=sys.stderr)
        sys.exit(2)


def split_option(arguments: Sequence[str], option: str) -> tuple[list[str], list[str]]:
    """Split arguments into (the values of each such option, all other arguments)."""
    values, others, rest = [], [], iter(arguments)
    for argument in rest:
        name, is_whole, value = argument.partition("=")
        if name == option:
            values.append(value if is_whole else next(rest, ""))
        else:
            others.append(argument)
    return values, others
