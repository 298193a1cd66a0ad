"""Command-line parser that takes no abbreviations and explains a mistake in one line."""

import difflib
import inspect
import re
import sys
from typing import NoReturn

from jsonargparse import ArgumentParser

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


class StrictParser(ArgumentParser):
    """An ArgumentParser whose errors are two lines: the usage, then the key and the reason."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs, allow_abbrev=False)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the explained message and exit with status 2."""
        if not self.exit_on_error:  # an inner parser that tries one of several types
            super().error(message, ex)
        usage = " ".join(self.format_usage().split())
        self.exit(2, f"{usage}\nerror: {explain(message, known_keys(self))}\n")


def known_keys(parser: ArgumentParser) -> list[str]:
    """All keys of a parser and of its subcommands."""
    keys = []
    for action in parser._actions:
        if isinstance(action.choices, dict):
            keys += [key for command in action.choices.values() for key in known_keys(command)]
        else:
            keys.append(action.dest)
    return keys


def explain(message: str, keys: list[str]) -> str:
    """Reduce a nested message of jsonargparse to the full key, the reason and a suggestion."""
    unknown = UNKNOWN.search(message)
    if unknown:
        key = unknown.group(1) or unknown.group(2)
        similar = difflib.get_close_matches(key, keys, 1, 0.8)
        return f"no option '{key}'" + (f"; did you mean '{similar[0]}'?" if similar else "")
    path = ".".join(re.findall(r'Parser key "([^"]+)"', message))
    reason = " ".join(LAYERS.sub("", message).split())
    reason = re.sub(r"<class '([\w.]+)'>|typing\.", r"\1", reason)
    classes = CLASS.findall(message)
    explanation = f"{path}: {reason}" if path else reason
    option = re.search(r"Option '(\w+)' is not accepted", message)
    if option and classes:
        explanation += f" by {classes[-1]}{options_of(classes[-1])}"
    return explanation


def options_of(class_path: str) -> str:
    """The options of a class that the parser has already imported, as the end of a message."""
    module, _, name = class_path.rpartition(".")
    cls = getattr(sys.modules.get(module), name, None)
    names = inspect.signature(cls).parameters if inspect.isclass(cls) else ()
    return f"; it takes {', '.join(names)}" if names else ""
