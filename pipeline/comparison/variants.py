"""Variants: the rows of a comparison, each a config with some of its options set."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .options import options_of
from .settings import Setting, describe, grid

MAX_STEM = 150  # characters, since a file's name has at most 255 bytes


@dataclass(frozen=True)
class Variant:
    """A row of the table: a config as it is, or changed into a baseline.

    name: of the row. stem: prefix of its folders' names. overrides: KEY=VALUE. options: all
    options, resolved. counted: a baseline without a network, nothing is trained. note: for the
    table's last column. base: name of the row that a baseline belongs to.
    """

    name: str
    stem: str
    config: Path
    overrides: tuple[str, ...]
    options: dict
    counted: bool = False
    note: str = "trained"
    base: str = ""

    @property
    def origin(self) -> str:
        """Name of the row whose folds these are: its own, or that of its base."""
        return self.base or self.name


def read_variants(configs: Sequence[str], settings: Sequence[Setting] = ()) -> list[Variant]:
    """One variant for each config and each combination of the settings' values.

    Each is named by what differs. Raises ValueError for configs with equal names; ends the process
    if one cannot be parsed.
    """
    stems = [Path(config).stem for config in configs]
    for stem in stems:
        if stems.count(stem) > 1:
            raise ValueError(f"{stems.count(stem)} configs are called '{stem}'; rename all but one")
    varying = [setting.key for setting in settings if setting.varies]
    variants = []
    for stem, config in zip(stems, map(Path, configs), strict=True):
        for values in grid(settings):
            differing = describe({key: values[key] for key in varying})
            names = [stem] * (len(stems) > 1 or not differing) + [differing] * bool(differing)
            folder = f"{stem}-{folder_name(differing)}" if differing else stem
            overrides = tuple(f"{key}={value}" for key, value in values.items())
            options = options_of(config, overrides)
            variants.append(Variant(", ".join(names), folder, config, overrides, options))
    return variants


def folder_name(text: str) -> str:
    """The text as part of a folder's name; the end of a long one is replaced by its hash."""
    name = re.sub(r"[^\w.+-]+", "_", text.replace(", ", "-")).strip("_")
    if len(name.encode()) <= MAX_STEM:
        return name
    kept = name.encode()[: MAX_STEM - 9].decode(errors="ignore")
    return f"{kept}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
