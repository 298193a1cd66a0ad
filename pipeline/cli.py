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
from datasets.output.text import print_error, print_notes

from .interrupts import (
    INTERRUPTED,
    UNREAD,
    describe,
    end_now,
    ending_on_signals,
    is_unread,
    write_nowhere,
)


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
    """Run a command and exit with its status; 2 for an unknown one, 130 after Ctrl-C, 141 if what
    reads its output has closed it.

    arguments: default sys.argv; then Ctrl-C ends the process at once, whatever its threads do.
    """
    own_process = arguments is None
    try:
        with ending_on_signals():
            try:
                status = run(sys.argv[1:] if own_process else arguments)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()  # a closed pipe shows here, not when Python ends
            sys.exit(status)
    except KeyboardInterrupt as interrupt:
        print_notes(describe(interrupt))
        if own_process:
            end_now()
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        if not is_unread():
            raise
        write_nowhere()
        sys.exit(UNREAD)


def run(arguments: Sequence[str]) -> int | None:
    """The exit status of a command. Raises KeyboardInterrupt after Ctrl-C and SIGTERM."""
    from .class_paths import OPTION as IMPORTS  # here, since it loads jsonargparse: Ctrl-C is heard

    try:
        arguments = take_options(arguments)
    except ValueError as error:
        print_error(error)
        return 2
    name = arguments[0] if arguments else "--help"
    if name in COMMANDS:
        return import_module(f".commands.{COMMANDS[name].module}", __package__).main(arguments)
    width = max(map(len, COMMANDS)) + 2
    table = "\n".join(f"  {name:{width}}{command.help}" for name, command in COMMANDS.items())
    print(
        f"usage: python run.py COMMAND ...\n\n{table}\n\nCOMMAND --help tells its options.\n"
        f"With any of them, {IMPORTS} MODULE: configs and bundles may name classes of this module, "
        f"too;\n{OUTSIDE}: tables and pages may name files outside of the folder of the data; "
        f"{MAX_PIXELS} N: decode images of up to N pixels."
    )
    if name in ("-h", "--help"):
        return 0
    similar = difflib.get_close_matches(name, COMMANDS, 1)
    hint = f"did you mean '{similar[0]}'" if similar else "choose one of " + ", ".join(COMMANDS)
    print_error(f"no command '{name}'; {hint}{'?' if similar else ''}")
    return 2


def take_options(arguments: Sequence[str]) -> list[str]:
    """Set what the options of all commands say, and return all other arguments.

    Raises ValueError for a value that is no module's name or no number.
    """
    from .class_paths import OPTION as IMPORTS
    from .class_paths import allow_imports

    modules, arguments = split_option(arguments, IMPORTS)
    allow_imports(modules)
    allow_outside(OUTSIDE in arguments)
    arguments = [argument for argument in arguments if argument != OUTSIDE]
    pixels, arguments = split_option(arguments, MAX_PIXELS)
    if pixels:
        set_max_pixels(pixels[-1])
    return arguments


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
