"""Finds the folders of lines that a config file names."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import get_args, get_type_hints

import yaml

from datasets.files import find_data_path
from datasets.lines.folders import LineFolder
from datasets.pages.crops.modes import Crop

from ..config_files import read_config_text


def folders_of_config(config: Path) -> list[LineFolder]:
    """Return the folders of all RealLines of a config.

    Raises ValueError if there are none or the file is not a config.
    """
    try:
        folders = list(folders_in(yaml.safe_load(read_config_text(config))))
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{config}: no config of lines; {error}") from error
    if not folders:
        raise ValueError(f"{config}: no datasets.RealLines in it; give a config of real lines")
    return folders


def names_lines(config: Path) -> bool:
    """Whether a config has RealLines."""
    return any(True for _ in real_lines_in(yaml_or_none(config)))


def paths_in_config(config: Path) -> list[Path]:
    """Return the files and folders that a config's values name, of whatever use; [] for no YAML."""
    found, parts = [], [yaml_or_none(config)]
    while parts:
        part = parts.pop()
        if isinstance(part, dict | list):
            parts += part.values() if isinstance(part, dict) else part
        elif isinstance(part, str) and part:
            with suppress(OSError, ValueError):  # a text, or a name too long for a path
                found.append(find_data_path(part))
    return found


def yaml_or_none(config: Path) -> object:
    """Return a parsed YAML file; None for what is none, which others report."""
    try:
        return yaml.safe_load(read_config_text(config))
    except (yaml.YAMLError, ValueError, OSError):
        return None


def crop_of_config(config: Path) -> Crop:
    """Return the shape by which all RealLines of a config cut lines out of pages.

    Raises ValueError for one that is none, or if they differ.
    """
    crops = {options.get("crop", "auto") for options in real_lines_in(yaml_or_none(config))}
    if len(crops) > 1:
        named = ", ".join(sorted(map(str, crops)))
        raise ValueError(f"{config}: its RealLines have crop {named}; give one of them by --crop")
    (crop,) = crops or {"auto"}
    if crop not in get_args(Crop):
        raise ValueError(f"{config}: crop {crop!r}; choose one of {', '.join(get_args(Crop))}")
    return crop


def folders_in(part: object) -> Iterator[LineFolder]:
    """Yield every LineFolder described anywhere in a part of a parsed config.

    Raises ValueError where the options of RealLines describe something else.
    """
    for options in real_lines_in(part):
        folders = options.get("folders")
        if not isinstance(folders, list):
            raise ValueError(f"folders: {folders!r} is no list of LineFolders")
        yield from map(parse_folder, folders)


def real_lines_in(part: object) -> Iterator[dict]:
    """Yield the options of every RealLines anywhere in a part of a parsed config."""
    if isinstance(part, dict):
        options = part.get("init_args")
        if str(part.get("class_path")).endswith("RealLines") and isinstance(options, dict):
            yield options
            return
        part = list(part.values())
    if isinstance(part, list):
        for child in part:
            yield from real_lines_in(child)


def parse_folder(folder: object) -> LineFolder:
    """Make a LineFolder of its options. Raises ValueError for unknown options and wrong types."""
    if not isinstance(folder, dict):
        raise ValueError(f"folders: {folder!r} is no LineFolder; give {{root: FOLDER}}")
    types = get_type_hints(LineFolder)
    for key, value in folder.items():
        if key not in types:
            raise ValueError(f"folders: {folder} has {key!r}; there are {', '.join(types)}")
        accepted = get_args(types[key]) or (types[key],)  # the members of a union, or one type
        names = isinstance(value, list) and all(isinstance(name, str) for name in value)
        number = isinstance(value, int) and not isinstance(value, bool) and float in accepted
        if not ((names and list[str] in accepted) or number or type(value) in accepted):
            expected = getattr(types[key], "__name__", None) or types[key]
            raise ValueError(f"folders: {key} {value!r} in {folder}; expected {expected}")
    if "root" not in folder:
        raise ValueError(f"folders: {folder} has no root")
    return LineFolder(**folder)
