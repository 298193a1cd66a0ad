"""The trainings of the benchmark: without one source, on fewer lines, without real lines."""

import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from datasets.lines.folders import LineFolder
from datasets.lines.source import RealLines
from pipeline.comparison.options import options_of
from pipeline.comparison.variants import Variant

START, ALL = "no real lines", "all"


def source_of(folder: LineFolder) -> str:
    """The source of a folder: the first two words of its name."""
    return "_".join(Path(folder.root).name.split("_")[:2])


def real_parts(options: dict) -> Iterator[dict]:
    """The options of each RealLines in a config's resolved options, mixed or not."""
    parts = [options["data"]["source"]]
    for part in parts:
        own = part["init_args"]
        parts += own.get("sources", [])
        if "folders" in own:
            yield own


def folders_of(options: dict) -> list[LineFolder]:
    return [LineFolder(**folder) for own in real_parts(options) for folder in own["folders"]]


def without_source(options: dict, source: str) -> dict:
    """A copy of the options without the folders of a source."""
    changed = copy.deepcopy(options)
    for own in real_parts(changed):
        own["folders"] = [f for f in own["folders"] if source_of(LineFolder(**f)) != source]
    return changed


def limited(options: dict, limit: int, total: int) -> dict:
    """A copy of the options with `limit` of `total` real lines, which come as often an epoch."""
    changed = copy.deepcopy(options)
    for own in real_parts(changed):
        own["limit"] = limit
        for folder in own["folders"]:
            folder["weight"] *= total / limit
    return changed


def synthetic_only(options: dict) -> dict:
    """A copy of the options without real lines. Raises ValueError if nothing is left."""
    changed = copy.deepcopy(options)
    source = changed["data"]["source"]
    sources = source["init_args"].get("sources", [])
    kept = [part for part in sources if part["class_path"].endswith("SyntheticLines")]
    if not kept:
        raise ValueError("the config mixes no datasets.SyntheticLines, which the start is made of")
    source["init_args"]["sources"] = kept
    return changed


def variant(name: str, config: Path, options: dict, changes: Sequence[str]) -> Variant:
    """A row: the changed source and more KEY=VALUE."""
    source = f"data.source={json.dumps(options['data']['source'], ensure_ascii=False)}"
    overrides = (source, *changes)
    stem = name.replace(" ", "-")
    return Variant(name, stem, config, overrides, options_of(config, overrides))


def count_training_lines(options: dict) -> int:
    return sum(len(RealLines(**kwargs).lines["train"]) for kwargs in source_arguments(options))


def source_arguments(options: dict) -> Iterator[dict]:
    """The arguments of each RealLines, its folders as LineFolder."""
    for own in real_parts(options):
        yield own | {"folders": [LineFolder(**folder) for folder in own["folders"]]}


def sources_of(options: dict) -> list[str]:
    return list(dict.fromkeys(map(source_of, folders_of(options))))


def later_variants(
    config: Path, base: dict, changes: Sequence[str], parts: Sequence[str], limits: Sequence[int]
) -> list[Variant]:
    """The trainings that start from the first one's bundle, which `changes` name."""
    made = [variant(ALL, config, base, changes)]
    if "sources" in parts:
        for source in sources_of(base):
            made.append(variant(f"without {source}", config, without_source(base, source), changes))
    if "curve" in parts:
        total = count_training_lines(base)
        for limit in sorted(limits):
            if limit < total:
                changed = limited(base, limit, total)
                made.append(variant(f"{limit} lines", config, changed, changes))
    return made
