"""runs/NAME: which name a run has, and files that are whole or not there."""

import os
from pathlib import Path


def run_name(options, command: str) -> str:
    """The name given, or of the checkpoint's run, or of the config with the next free number."""
    if options.name:
        return options.name
    if os.environ.get("LOCAL_RANK", "0") != "0" and "STRAND_RUN" in os.environ:
        return os.environ["STRAND_RUN"]  # as the first process of this training has chosen
    checkpoint = Path(options.ckpt_path) if options.ckpt_path else None
    if checkpoint and checkpoint.parent.name == "checkpoints":
        return os.path.relpath(checkpoint.parent.parent, "runs")
    stem = Path(str(options.config[-1])).stem if options.config else "run"
    name, number = stem, 1
    while (Path("runs") / name).exists():
        number += 1
        name = f"{stem}-{number}"
    os.environ["STRAND_RUN"] = name
    return name


def write_whole(path: Path, text: str) -> None:
    """Write beside the place and move it there, so that a half-written file is never seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
