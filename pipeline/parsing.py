"""Command-line parser that takes no abbreviations and explains a mistake in one line."""

import difflib
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import NoReturn

import yaml
from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from datasets.limits.pixels import pixel_options
from datasets.limits.roots import root_options
from datasets.output.text import clean

from .class_paths import allowed_imports, check_classes, refusal
from .config_files import check_caches, scalars, start_reading

CLASS = re.compile(r"class_path(?:=| )'([\w.]+)'")
# what surrounds the reason in a message of jsonargparse: nesting levels and given values
LAYERS = re.compile(
    r"\.{0,2} Got value: Namespace\(.*?\)*$"
    r"|Parser key \"[^\"]+\":?"
    r"|Problem with given class_path '[^']+':"
    r"|Type \S+\[.*?\] expects a function or a callable class:"
    r"|Does not validate against any of the Union subtypes"
    r"|^ *- Expected a <class 'NoneType'>$"
    r"|^ *(Subtypes|Errors|Given value type|Given value):.*$"
    r"|^ *- ",
    re.MULTILINE,
)
UNKNOWN = re.compile(r"does not accept option '([^']+)'|unrecognized arguments: --([\w.]+)")
NO_TEXT = re.compile(r"Expected a str\. Got value: (\S+)")
NO_TEXT_OF_UNION = re.compile(r"^ *Given value: (True|False|[\d.-]+)$", re.MULTILINE)
CHOICES = re.compile(r"Literal\[(.*?)\]")
GIVEN = re.compile(r"(?:Given|Got) value: (\w+)$", re.MULTILINE)
DENIED = re.compile(r"Importing '([^']+)' is not allowed|'([^']+)' is no class that a config may")
MAX_GIVEN = 100  # characters of a value in a message
UNBUILT = re.compile(r"Problem with given class_path '([^']+)':\s+(.+?)(?=\n *- |\nGiven |$)", re.S)
NO_NAME = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")


def common_options() -> list[str]:
    """The options of all commands with which this one was started, for one that goes on with its
    work.
    """
    return [*allowed_imports(), *root_options(), *pixel_options()]


class StrictParser(ArgumentParser):
    """An ArgumentParser whose errors are two lines: the usage, then the key and the reason.

    misread: how the values of a config that are no text are written in it (see `misread_scalars`).
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs, allow_abbrev=False)
        set_parsing_settings(config_read_mode_fsspec_enabled=False)  # Lightning reads URLs
        self.misread: dict[str, list[str]] = {}

    def parse_args(self, *args, **kwargs) -> Namespace:
        """Parse arguments and the config files that they name."""
        start_reading()
        return super().parse_args(*args, **kwargs)

    def validate(self, namespace, *args, **kwargs) -> None:
        """Check the options, and that each class and cache that they name may be named."""
        super().validate(namespace, *args, **kwargs)
        check_classes(namespace)
        check_caches(namespace)

    def instantiate(self, *args, **kwargs) -> Namespace:
        """Build what parsed options describe."""
        try:
            return super().instantiate(*args, **kwargs)
        except ValueError as error:
            if invalid := explain_invalid(error) or explain_unbuilt(error):
                raise ValueError(invalid) from error
            raise

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the explained message and exit with status 2."""
        if not self.exit_on_error:  # an inner parser that tries one of several types
            super().error(message, ex)
        usage = " ".join(self.format_usage().split())
        explanation = explain(message, known_keys(self), self.misread)
        self.exit(2, f"{usage}\nerror: {clean(explanation)}\n")


def explain_invalid(error: ValueError) -> str | None:
    """What is wrong with the first option that pydantic refused, as Albumentations lets it check
    them, in one line; None for another error.
    """
    invalid: BaseException | None = error
    while not hasattr(invalid, "error_count"):
        if invalid is None:
            return None
        invalid = invalid.__cause__
    first = invalid.errors(include_url=False)[0]
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["loc"]:
        given = f"{first['input']!r}"[:MAX_GIVEN]
        reason = f"{'.'.join(map(str, first['loc']))}: {reason}, given {given}"
    return f"options of a class: {reason}; correct the config"


def explain_unbuilt(error: ValueError) -> str | None:
    """Why a class could not be built (a package that it needs is not installed, say), in one line;
    None for another error. jsonargparse tells it as one of several types that a value has not.
    """
    found = UNBUILT.search(str(error))
    return f"{found[1]}: {' '.join(found[2].split())}" if found else None


def known_keys(parser: ArgumentParser) -> list[str]:
    """All keys of a parser and of its subcommands."""
    keys = []
    for action in parser._actions:
        if isinstance(action.choices, dict):
            keys += [key for command in action.choices.values() for key in known_keys(command)]
        else:
            keys.append(action.dest)
    return keys


def explain(message: str, keys: list[str], misread: dict[str, list[str]] | None = None) -> str:
    """Reduce a nested message of jsonargparse to the full key, the reason and a suggestion."""
    unknown = UNKNOWN.search(message)
    if unknown:
        key = unknown.group(1) or unknown.group(2)
        return f"no option '{key}'" + did_you_mean(similar_key(key, keys))
    path = ".".join(re.findall(r'Parser key "([^"]+)"', message))
    if denied := DENIED.search(message):
        return (f"{path}: " if path else "") + refusal(denied[1] or denied[2])
    reason = " ".join(LAYERS.sub("", message).split())
    reason = re.sub(r"<class '([\w.]+)'>|typing\.", r"\1", reason)
    classes = CLASS.findall(message)
    explanation = f"{path}: {reason}" if path else reason
    option = re.search(r"Option '(\w+)' is not accepted", message)
    if option and classes:
        similar = difflib.get_close_matches(option[1], options_of(classes[-1]), 1, 0.7)
        takes = ", ".join(options_of(classes[-1]))
        explanation += f" by {classes[-1]}{did_you_mean(*similar)}"
        explanation += f"{' I' if similar else '; i'}t takes {takes}" if takes else ""
    name = NO_NAME.search(message)
    if name:
        exported = getattr(sys.modules.get(name[1]), "__all__", ())
        explanation += did_you_mean(*difflib.get_close_matches(name[2], exported, 1, 0.7))
    explanation += did_you_mean(similar_choice(message))
    text = NO_TEXT.search(reason)
    if text is None and "Expected a str" in reason:  # of a union, whose value has a line of its own
        text = NO_TEXT_OF_UNION.search(message)
    return explanation + (quote_it(text[1], misread or {}) if text else "")


def did_you_mean(similar: str = "") -> str:
    """The end of a message that suggests what is meant, if anything is similar."""
    return f"; did you mean '{similar}'?" if similar else ""


def similar_choice(message: str) -> str:
    """The choice that begins with the value given, or resembles it most; "" without any."""
    choices = re.findall(r"'([^']+)'", " ".join(CHOICES.findall(message)))
    given = GIVEN.search(message)
    if given is None:
        return ""
    longer = [choice for choice in choices if choice.startswith(given[1])]
    return next(iter(longer or difflib.get_close_matches(given[1], choices, 1)), "")


def similar_key(key: str, keys: Iterable[str]) -> str:
    """The known key, or beginning of one, that resembles this key most; "" without any.

    The options of a part (`model.recurrent.hidden_size`) are no keys of the parser, only the part
    is: what follows it is kept as it was given.
    """
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        head, rest = ".".join(parts[:length]), parts[length:]
        same_depth = [k for k in keys if k.count(".") == length - 1 or not rest]
        similar = difflib.get_close_matches(head, same_depth, 1, 0.8)
        if similar and similar[0] != head:
            return ".".join([similar[0], *rest])
    return ""


def misread_scalars(texts: Iterable[str]) -> dict[str, list[str]]:
    """Values of plain scalars in YAML texts that are no strings -> the ways they are written.

    YAML 1.1 reads on, off, yes and no as booleans, 0412 as the octal number 266, and 2020-06-27
    as a date: {"True": ["on"], "266": ["0412"]}. Texts that are not YAML are passed over; the
    parser reports them.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for text in texts:
        try:
            for _, node in scalars(yaml.compose(text, yaml.SafeLoader)):
                value = str(yaml.safe_load(node.value))
                if node.value not in found[value]:
                    found[value].append(node.value)
        except (yaml.YAMLError, ValueError):
            continue
    return dict(found)


def quote_it(value: str, misread: dict[str, list[str]]) -> str:
    """The end of a message about a value that should be text: how to write it."""
    written = misread.get(value, [value])
    examples = " or ".join(f'"{text}"' for text in written[:3])
    reads = f" (YAML reads {' and '.join(written[:3])} as {value})" if written != [value] else ""
    return f"{reads}; it must be text: put it in quotes, {examples}"


def options_of(class_path: str) -> list[str]:
    """The options of a class that the parser has already imported."""
    module, _, name = class_path.rpartition(".")
    cls = getattr(sys.modules.get(module), name, None)
    return list(inspect.signature(cls).parameters) if inspect.isclass(cls) else []
