"""The table of commands: `python run.py COMMAND ...`."""

import sys
from importlib import import_module
from typing import NamedTuple


class Command(NamedTuple):
    """room: its file in pipeline/commands, imported when the command is asked for: `predict`
    starts without Lightning.
    """

    room: str
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
        "report", "a page of what bundles read in lines or videos: report --model B --data PATH"
    ),
    "compare": Command(
        "compare", "train each config, one table and one picture: compare CONFIG... [--seeds N]"
    ),
    "calibrate": Command(
        "calibrate", "make confidences hold: calibrate --model M (--data D | --config C)"
    ),
    "language_model": Command(
        "language_model",
        "give a bundle a language model: language_model --model M --texts F... "
        "(--data LINES | --config C)",
    ),
    "doctor": Command(
        "doctor", "check lines or videos before training, file by file: doctor PATH..."
    ),
    "fetch": Command("fetch", "get a public data set once, checked: fetch NAME"),
}


def main(arguments: list[str] | None = None) -> None:
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else "--help"
    if name in COMMANDS:
        module = import_module(f".commands.{COMMANDS[name].room}", __package__)
        sys.exit(module.main(arguments))
    width = max(map(len, COMMANDS)) + 2
    listed = "\n".join(f"  {name:{width}}{command.help}" for name, command in COMMANDS.items())
    print(f"usage: python run.py COMMAND ...\n\n{listed}\n\nCOMMAND --help tells its options.")
    if name not in ("-h", "--help"):
        choices = ", ".join(COMMANDS)
        print(f"error: no command '{name}'; choose one of {choices}", file=sys.stderr)
        sys.exit(2)
