"""Config files: what they may hold, however a part of one is reached.

jsonargparse reads every file that holds a config, or a part of one (`encoder: part.yaml`), through
`Path.read_text`. That is replaced here, so that no file is parsed that was not checked.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import yaml
from jsonargparse import Namespace
from jsonargparse.typing import Path as ConfigPath

from datasets.tables import read_utf8
from datasets.text.token_cache import check_cache

MAX_BYTES = 2**20  # of a config; YAML takes seconds to parse as much
MAX_ALL_BYTES, FILE_BYTES = 2**23, 2**10  # of all files that a parser reads; each counts for more
MAX_DEPTH, MAX_NODES = 100, 1_000_000
# parts of a config whose options stand in it, and options that say where to write
GROUPS = ("model", "data", "trainer", "checkpoint", "early_stopping")
WRITTEN = ("dirpath", "save_dir", "default_root_dir", "root_dir")
URL = re.compile(r"\s*([\w.+-]+::)*[A-Za-z][\w.+-]*://")
COLLECTION = re.compile(r"[\[{]|[-:?](\s|$)")  # in every text that YAML reads as one

_sizes: list[int] = []  # of the files read since the last `start_reading`


class ConfigFileError(OSError):
    """A file that stands in the place of a config, or of a part of one, cannot be used."""


def start_reading() -> None:
    """Forget how much has been read, before the files of another command are."""
    _sizes.clear()


def read_part(path: ConfigPath) -> str:
    """The text of a config that jsonargparse reads, checked.

    Raises ConfigFileError, which no attempt of its to read the file as another type hides.
    """
    try:
        text = read_config_text(Path(path.absolute))
    except ValueError as error:
        raise ConfigFileError(str(error)) from error
    _sizes.append(FILE_BYTES + len(text))
    if sum(_sizes) > MAX_ALL_BYTES:
        raise ConfigFileError(
            f"{path.absolute}: the config names {len(_sizes)} files in the place of its parts; "
            "write their options in it"
        )
    return text


ConfigPath.read_text = read_part


def read_config_text(path: Path) -> str:
    """Return the text of a config after checking that reading it ends, and what it names.

    Raises ValueError for one that is too large, no file, not UTF-8, nested too deeply, or whose
    aliases, each of which may stand for many others, expand to too much; for one that names a URL,
    another config, or a place to write to; OSError. What is no YAML is returned.
    """
    text = read_utf8(path, MAX_BYTES)
    with suppress(yaml.YAMLError):  # the parser reports it
        check_names(path, load_bounded(path, text))
    return text


def load_bounded(path: Path, text: str) -> object:
    """Parse YAML of bounded depth and size. path: of the config, for error messages.

    Raises ValueError for more, and for values that are none, such as a 13th month; YAMLError.
    """
    sizes, open_nodes, total = {}, [], 0
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
    return load_values(path, text)


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


def check_names(path: Path, content: object) -> None:
    """Raise ValueError for what a config may not name, whoever wrote it; see docs/security.md.

    A text that is YAML itself is parsed too, since the parser may read options in it.
    """
    if isinstance(content, dict):
        for group in GROUPS:
            if isinstance(content.get(group), str):
                raise ValueError(f"{path}: {group}: {content[group]}: write its options here")
    parts, quoted = [("", content)], 0
    while parts:
        key, value = parts.pop()
        if isinstance(value, dict):
            parts += [(str(name).rpartition(".")[2], inner) for name, inner in value.items()]
        elif isinstance(value, list):
            parts += [(key, inner) for inner in value]
        elif isinstance(value, str) and URL.match(value):
            raise ValueError(f"{path}: {key}: {value}: a URL; download it and give the file")
        elif (key in WRITTEN and value is not None) or (key == "filename" and leads_out(value)):
            raise ValueError(
                f"{path}: {key}: {value}: where to write is said on the command line, not in a file"
            )
        elif isinstance(value, str) and COLLECTION.search(value):
            quoted += len(value)
            if quoted > MAX_BYTES:
                raise ValueError(f"{path}: {key}: more YAML in quotes than a config holds")
            parts.append((key, parse_quoted(path, value)))


def leads_out(name: object) -> bool:
    """Whether a file's name leads out of the folder that it is for."""
    return isinstance(name, str) and (Path(name).is_absolute() or ".." in Path(name).parts)


def parse_quoted(path: Path, text: str) -> object:
    """Return the collection that a text is in YAML; None for other texts."""
    try:
        content = load_bounded(path, text)
    except yaml.YAMLError:
        return None
    return content if isinstance(content, dict | list) else None


def check_caches(options: object) -> None:
    """Raise TypeError, in jsonargparse's form, for a `cache` in parsed options that lies elsewhere
    than `check_cache` allows.
    """
    for key, folder in cache_folders(options):
        try:
            check_cache(folder)
        except ValueError as error:
            raise TypeError(f'Parser key "{key}": {error}') from error


def cache_folders(options: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield (key, folder) of each `cache` in nested options."""
    if isinstance(options, list | tuple):
        for item in options:
            yield from cache_folders(item, key)
    elif isinstance(options, dict | Namespace):
        for name, value in (options if isinstance(options, dict) else vars(options)).items():
            inner = key if name == "init_args" else f"{key}.{name}".lstrip(".")
            if name == "cache" and isinstance(value, str):
                yield inner, value
            yield from cache_folders(value, inner)
