"""Command-line parser that takes no abbreviations and explains a mistake in one line."""

import difflib
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import yaml
from jsonargparse import ArgumentParser

from datasets.output.text import clean
from datasets.tables import read_utf8

from .class_paths import check_classes, refusal

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
MAX_DEPTH, MAX_NODES = 100, 1_000_000  # of a config
NO_NAME = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")


class StrictParser(ArgumentParser):
    """An ArgumentParser whose errors are two lines: the usage, then the key and the reason.

    misread: how the values of a config that are no text are written in it (see `misread_scalars`).
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs, allow_abbrev=False)
        self.misread: dict[str, list[str]] = {}

    def validate(self, namespace, *args, **kwargs) -> None:
        """Check the options, and that each class that they name may be named."""
        super().validate(namespace, *args, **kwargs)
        check_classes(namespace)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the explained message and exit with status 2."""
        if not self.exit_on_error:  # an inner parser that tries one of several types
            super().error(message, ex)
        usage = " ".join(self.format_usage().split())
        explanation = explain(message, known_keys(self), self.misread)
        self.exit(2, f"{usage}\nerror: {clean(explanation)}\n")


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


def scalars(node: yaml.Node | None, key: str = "") -> Iterator[tuple[str, yaml.ScalarNode]]:
    """The scalars in a YAML node that are neither quoted nor read as text, with their keys."""
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and node.value and not node.tag.endswith(":str"):
            yield key, node
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from scalars(child, key)
    elif isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            yield from scalars(name, key)
            yield from scalars(child, f"{key}.{name.value}".lstrip("."))


# parts of a config whose options stand in it, and options that say where to write
GROUPS = ("model", "data", "trainer", "checkpoint", "early_stopping")
WRITTEN = ("dirpath", "save_dir", "default_root_dir", "root_dir")
URL = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")


def read_config_text(path: Path) -> str:
    """Return the text of a config after checking that reading it ends, and what it names.

    Raises ValueError for one that is not UTF-8, nested too deeply, or whose aliases, each of which
    may stand for many others, expand to too much; for one that names a URL, another config, or a
    folder to write into; OSError. What is no YAML is returned.
    """
    text = read_utf8(path)
    sizes, open_nodes, total = {}, [], 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append((event.anchor, total))
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, before = open_nodes.pop()
                sizes[anchor] = total - before
            elif isinstance(event, yaml.AliasEvent) and event.anchor in dict(open_nodes):
                raise ValueError(f"{path}: *{event.anchor} stands in &{event.anchor} itself")
            total += sizes.get(event.anchor, 1) if isinstance(event, yaml.AliasEvent) else 1
            if len(open_nodes) > MAX_DEPTH or total > MAX_NODES:
                much = f"{MAX_NODES:,} values" if total > MAX_NODES else f"{MAX_DEPTH} levels"
                raise ValueError(f"{path}: more than {much}; no config needs so many")
        check_names(path, load_values(path, text))
    except yaml.YAMLError:
        pass  # the parser reports it
    return text


def load_values(path: Path, text: str) -> object:
    """The content of a config. Raises ValueError that names a value which looks like a date or a
    number and is none, yaml.YAMLError.
    """
    try:
        return yaml.safe_load(text)
    except ValueError as error:
        for key, node in scalars(yaml.compose(text, yaml.SafeLoader)):
            with suppress(ValueError):
                yaml.constructor.SafeConstructor().construct_object(node)
                continue
            raise ValueError(
                f"{path}: {key + ': ' if key else ''}{node.value}: no value of YAML ({error}); "
                f'correct it, or put it in quotes if it is text, "{node.value}"'
            ) from error
        raise ValueError(f"{path}: {error}") from error


def check_names(path: Path, content: object) -> None:
    """Raise ValueError for what a config may not name, whoever wrote it; see docs/security.md."""
    if isinstance(content, dict):
        for group in GROUPS:
            if isinstance(content.get(group), str):
                raise ValueError(f"{path}: {group}: {content[group]}: write its options here")
    parts = [("", content)]
    while parts:
        key, value = parts.pop()
        if isinstance(value, dict):
            parts += [(str(name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            parts += [(key, inner) for inner in value]
        elif isinstance(value, str) and URL.match(value):
            raise ValueError(f"{path}: {key}: {value}: a URL; download it and give the file")
        elif key in WRITTEN and value is not None:
            raise ValueError(
                f"{path}: {key}: {value}: where to write is said on the command line, not in a file"
            )


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
