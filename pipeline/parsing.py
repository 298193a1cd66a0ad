"""A parser that takes no abbreviations and explains a mistake in one line."""

import difflib
import inspect
import re
import sys
from typing import NoReturn

from jsonargparse import ArgumentParser

CLASS = re.compile(r"class_path(?:=| )'([\w.]+)'")
# what jsonargparse says around its reason: the layers it went through, the values it was given
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
    """An error is the usage, the key and the reason: two lines instead of a wall of options."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs, allow_abbrev=False)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:  # an inner parser, trying one of several types
            super().error(message, ex)
        usage = " ".join(self.format_usage().split())
        self.exit(2, f"{usage}\nerror: {explain(message, known_keys(self))}\n")


def known_keys(parser: ArgumentParser) -> list[str]:
    """All keys of a parser and of its commands."""
    keys = []
    for action in parser._actions:
        if isinstance(action.choices, dict):
            keys += [key for command in action.choices.values() for key in known_keys(command)]
        else:
            keys.append(action.dest)
    return keys


def explain(message: str, keys: list[str]) -> str:
    """jsonargparse's report, nested and many lines long -> the full key, the reason, a way out."""
    unknown = UNKNOWN.search(message)
    if unknown:
        key = unknown.group(1) or unknown.group(2)
        near = difflib.get_close_matches(key, keys, 1, 0.8)
        return f"no option '{key}'" + (f"; did you mean '{near[0]}'?" if near else "")
    path = ".".join(re.findall(r'Parser key "([^"]+)"', message))
    reason = " ".join(LAYERS.sub("", message).split())
    reason = re.sub(r"<class '([\w.]+)'>|typing\.", r"\1", reason)
    classes = CLASS.findall(message)
    told = f"{path}: {reason}" if path else reason
    option = re.search(r"Option '(\w+)' is not accepted", message)
    return f"{told} by {classes[-1]}{options_of(classes[-1])}" if option and classes else told


def options_of(class_path: str) -> str:
    """The options of a class that the parser has imported already."""
    module, _, name = class_path.rpartition(".")
    kind = getattr(sys.modules.get(module), name, None)
    names = inspect.signature(kind).parameters if inspect.isclass(kind) else ()
    return f"; it takes {', '.join(names)}" if names else ""
