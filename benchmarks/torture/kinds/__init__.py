"""What is fuzzed: valid files of each kind to begin with, and what reads them.

A kind is in a module that loads no more than it needs, and only the process that fuzzes it imports
that, so that the peak of memory is its own.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

Read = Callable[[Path], object]


class Kind(NamedTuple):
    """A kind of file.

    suffix: of the file; with a slash before it, its name in a folder of its own. seeds: makes valid
    files, in a folder that stays. reads: each reads the file at a path.
    """

    suffix: str
    seeds: Callable[[Path], list[bytes]]
    reads: Sequence[Read]


MODULES = {
    "images": ("images", "PDF", "multi-page TIFF", "animations"),
    "pages": ("page images", "PAGE", "ALTO"),
    "annotations": ("ELAN", "BORIS", "VIA", "clip tables", "videos"),
    "tables": ("line tables", "review tables", "archives", "LMDB"),
    "runs": ("bundles", "configs", "configs of fit", "journals"),
    "writers": ("written pages", "written tables", "written annotations"),
}
NAMES = tuple(name for names in MODULES.values() for name in names)


def load_kind(name: str) -> Kind:
    """Import the module of a kind."""
    module = next(module for module, names in MODULES.items() if name in names)
    return import_module(f".{module}", __name__).KINDS[name]
