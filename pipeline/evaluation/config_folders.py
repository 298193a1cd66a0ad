"""The folders of lines that a config names."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import yaml

from datasets.lines.folders import LineFolder
from datasets.tables import read_utf8


def folders_of(config: Path) -> list[LineFolder]:
    """All folders of a config's RealLines. Raises ValueError if it has none or is no config."""
    try:
        folders = list(folders_in(yaml.safe_load(read_utf8(config))))
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{config}: no config of lines; {error}") from error
    if not folders:
        raise ValueError(f"{config}: no datasets.RealLines in it; give a config of real lines")
    return folders


def folders_in(part: object) -> Iterator[LineFolder]:
    """Every LineFolder that some part of a parsed config describes. Raises ValueError for what
    should be one and is none."""
    if isinstance(part, list):
        for one in part:
            yield from folders_in(one)
    elif isinstance(part, dict):
        options = part.get("init_args")
        if str(part.get("class_path")).endswith("RealLines") and isinstance(options, dict):
            folders = options.get("folders")
            if not isinstance(folders, list):
                raise ValueError(f"folders: {folders!r} is no list of LineFolders")
            yield from map(parse_folder, folders)
        else:
            for one in part.values():
                yield from folders_in(one)


def parse_folder(folder: object) -> LineFolder:
    """Options in a config -> the folder. Raises ValueError for others, and for other types."""
    if not isinstance(folder, dict):
        raise ValueError(f"folders: {folder!r} is no LineFolder; give {{root: FOLDER}}")
    types = get_type_hints(LineFolder)
    for key, value in folder.items():
        if key not in types:
            raise ValueError(f"folders: {folder} has {key!r}; there are {', '.join(types)}")
        taken = get_args(types[key]) or (types[key],)  # of a union, or the type itself
        names = isinstance(value, list) and all(isinstance(one, str) for one in value)
        number = isinstance(value, int) and not isinstance(value, bool) and float in taken
        if not ((names and list[str] in taken) or number or type(value) in taken):
            told = getattr(types[key], "__name__", None) or types[key]
            raise ValueError(f"folders: {key} {value!r} in {folder}; expected {told}")
    if "root" not in folder:
        raise ValueError(f"folders: {folder} has no root")
    return LineFolder(**folder)
