"""models: list the bundles that ship, as their metadata and cards describe them."""

import re
from collections.abc import Iterator
from pathlib import Path

from datasets.output.text import print_lines

from ..parsing import StrictParser
from ..reading import bundle_files
from ..reading.bundle_schema import read_metadata
from .options import run_command

SCORES = ("cer", "accuracy", "frame_accuracy")  # of a bundle's metadata, the first one is shown
SPEED = re.compile(r"(\d[\d,.]*\d|\d) (\w+) a second[^.;(]*")


def build_parser() -> StrictParser:
    """The parser of the command, which has no options."""
    return StrictParser(prog="run.py models", usage="python run.py models")


def main(arguments: list[str]) -> int:
    """0, or 2 for misuse or a damaged bundle."""
    return run_command(list_models, build_parser().parse_args(arguments[1:]))


def list_models(options) -> None:
    """Print two lines for each bundle: name and what it reads; score, size and speed."""
    for path in sorted(bundle_files.ZOO.glob("*.safetensors"), key=lambda path: path.stem):
        print_lines(*describe(path))


def describe(path: Path) -> Iterator[str]:
    """The lines about a bundle. Raises ValueError for a damaged one."""
    metadata, card = read_metadata(path), card_of(path.stem)
    yield f"{path.stem:18}{what_it_reads(card) or 'no card beside it'}"
    scores = metadata["scores"]
    name = next((name for name in SCORES if f"validation/{name}" in scores), None)
    facts = []
    if name:
        greedy = ", without its language model" if metadata.get("decoder") else ""
        value = scores[f"validation/{name}"]
        facts.append(f"{name.replace('_', ' ')} {value:.2f} % on validation{greedy}")
    facts.append(f"{path.stat().st_size / 1e6:.1f} MB")
    facts.append(speed(card, path.stem) or "speed not in its card")
    yield f"{'':18}{'; '.join(facts)}"


def card_of(name: str) -> str:
    """The card of a bundle: the .md file of its folder with the name in its title; "" without."""
    for path in sorted(bundle_files.ZOO.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        title = text.partition("\n")[0].lstrip("# ")
        if name in [part.strip() for part in title.split(",")]:
            return text
    return ""


def what_it_reads(card: str) -> str:
    """The first sentence below the title of a card."""
    body = " ".join(card.partition("\n")[2].split())
    return re.split(r"(?<=\.)\s", body)[0].rstrip(".")


def speed(card: str, name: str) -> str:
    """The first "N items a second" of a card, behind the bundle's name if the card has several."""
    text = " ".join(card.split())
    text = text.partition("**Speed.**")[2] or text
    found = SPEED.search(text, max(0, text.find(f"`{name}`: ")))
    return found[0].strip() if found else ""
