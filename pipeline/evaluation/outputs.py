"""Outputs of commands that read labelled data: never one of its files, nor a bundle."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from datasets.files import resolve_data_path
from datasets.output.files import refuse_overlap

from ..reading.bundle_files import find_bundle
from .config_folders import paths_in_config


def check_outputs(
    outputs: Mapping[str, str | Path | None],
    data: Iterable[str | None] = (),
    config: str | None = None,
    bundles: Iterable[str | None] = (),
    read: Iterable[str | None] = (),
) -> None:
    """Raise ValueError, before the long work, for an output that cannot be written or is read.

    outputs: option -> its file. data: files and folders of labelled data. config: whose data are
    read. bundles: by name or path. read: further files.
    """
    for option, path in ((option, Path(output)) for option, output in outputs.items() if output):
        if path.is_dir():
            raise ValueError(f"{option} {path}: this is a folder; name a file in it")
        if not path.parent.is_dir():
            raise ValueError(f"{option} {path}: no such folder to write into; make it first")
        if not all(os.access(p, os.W_OK) for p in (path, path.parent) if p.exists()):
            raise ValueError(f"{option} {path}: may not be written; name another place")
    roots = paths_in_config(Path(config)) if config else []
    for root in filter(None, data):
        with suppress(OSError):  # is reported where it is read
            roots.append(resolve_data_path(root))
    files = [find_bundle(name) for name in filter(None, bundles)]
    refuse_overlap(outputs.items(), [*files, *filter(None, [config, *read])], roots)
