"""What the config files and arguments of a training name, read before they are parsed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from ...config_files import read_config_text


def config_texts(arguments: Sequence[str]) -> Iterator[str]:
    """The texts of all configs among the arguments; a missing one is left to the parser."""
    for key, value in options_in(arguments):
        if key in ("c", "config") and Path(value).is_file():
            yield read_config_text(Path(value))


def given_options(arguments: Sequence[str]) -> dict:
    """The options that configs and arguments name, nested, later ones over earlier ones, unchecked.

    `init_args` is left out, as on the command line: {"model": {"recurrent": {"hidden_size": 64}}}.
    What is not YAML is passed over: the parser reports it.
    """
    given: dict = {}
    configs = config_texts(arguments)
    for key, value in options_in(arguments):
        try:
            if key in ("c", "config"):
                content = load(next(configs)) if Path(value).is_file() else {}
            else:
                content = load(value)
                for name in reversed([n for n in key.split(".") if n != "init_args"]):
                    content = {name: content}
        except yaml.YAMLError:
            continue
        if isinstance(content, dict):
            merge(given, content)
    return given


def options_in(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The pairs (key, value) of --key=value, --key value and -c value."""
    for place, argument in enumerate(arguments):
        if argument.startswith("-"):
            key, is_whole, value = argument.lstrip("-").partition("=")
            following = arguments[place + 1] if place + 1 < len(arguments) else ""
            yield key, value if is_whole else following


def load(text: str) -> object:
    return without_init_args(yaml.safe_load(text))


def without_init_args(value: object) -> object:
    """Nested options with those below `init_args` one level higher."""
    if isinstance(value, list):
        return [without_init_args(item) for item in value]
    if not isinstance(value, dict):
        return value
    options = {k: without_init_args(v) for k, v in value.items() if k != "init_args"}
    inner = without_init_args(value.get("init_args"))
    return options | inner if isinstance(inner, dict) else options


def merge(options: dict, more: dict) -> None:
    """Add nested options in place; another class_path replaces a part whole."""
    for key, value in more.items():
        old = options.get(key)
        if isinstance(old, str) and isinstance(value, dict):
            old = options[key] = {"class_path": old}
        same = isinstance(old, dict) and isinstance(value, dict) and (
            "class_path" not in value or value["class_path"] == old.get("class_path")
        )  # fmt: skip
        if same:
            merge(old, value)
        else:
            options[key] = value


def class_name(part: object) -> str:
    """The class that a part names, without its package; "" if it names none."""
    path = part.get("class_path") if isinstance(part, dict) else part
    return path.rpartition(".")[2] if isinstance(path, str) else ""
