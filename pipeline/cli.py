"""The command line: which command, which parser. Training needs Lightning, reading does not."""

import sys

COMMANDS = {
    "fit": "train a config: fit -c CONFIG [--key=value]",
    "validate": "score a checkpoint on the validation split: validate -c CONFIG --ckpt_path F",
    "test": "score a checkpoint on the test split: test -c CONFIG --ckpt_path F",
    "predict": "read files: predict INPUT... [--model NAME|FILE] [--format text|jsonl|csv|srt|...]",
    "evaluate": "score a bundle on labelled data: evaluate --model NAME|FILE --data PATH",
    "report": "a page of what bundles read in lines or videos: report --model B --data PATH",
    "compare": "train each config, one table and one picture: compare CONFIG... [--seeds N]",
    "calibrate": "make confidences hold: calibrate --model M (--data D | --config C)",
    "language_model": "give a bundle a language model: language_model --model M --texts F... "
    "(--data LINES | --config C)",
    "doctor": "check lines or videos before training, file by file: doctor PATH...",
    "fetch": "get a public data set once, checked: fetch NAME",
}


def main(arguments: list[str] | None = None) -> None:
    arguments = sys.argv[1:] if arguments is None else arguments
    command = arguments[0] if arguments else "--help"
    if command in ("predict", "evaluate"):
        from .commands.predict import main as run
    elif command == "compare":
        from .commands.compare import main as run
    elif command == "report":
        from .commands.report import main as run
    elif command == "doctor":
        from .commands.doctor import main as run
    elif command == "calibrate":
        from .commands.calibrate import main as run
    elif command == "language_model":
        from .commands.language_model import main as run
    elif command == "fetch":
        from .commands.fetch import main as run
    elif command in COMMANDS:
        from .training.command import main as run
    else:
        width = max(map(len, COMMANDS)) + 2
        listed = "\n".join(f"  {name:{width}}{text}" for name, text in COMMANDS.items())
        print(f"usage: python run.py COMMAND ...\n\n{listed}\n\nCOMMAND --help tells its options.")
        if command in ("-h", "--help"):
            return
        print(
            f"error: no command '{command}'; choose one of {', '.join(COMMANDS)}", file=sys.stderr
        )
        sys.exit(2)
    sys.exit(run(arguments))
