"""The house: imports point down the ladder, never in circles; rooms keep apart, none too full."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# of pipeline/, each room above those that it may import
LADDER = (
    "cli",
    "commands",
    "comparison",
    "training",
    "doctor",
    "reports",
    "fitting",
    "evaluation",
    "writing",
    "reading",
    "scoring",
    "parsing",
    "config_files",
    "class_paths",
    "interrupts",
)
MAX_FILES = 14  # of code in one folder
ROOMS = ("pipeline", "datasets", "models", "benchmarks")


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))}


def imports_of(source: str, module: str, is_package: bool, known: set[str]) -> Iterator[str]:
    """The known modules that a module imports, at its top or anywhere inside."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            outer = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*outer, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield from (name for name in (inner if inner in known else base,) if name in known)


GRAPH = {
    name: {
        found
        for found in imports_of(file.read_text("utf-8"), name, file.stem == "__init__", set(FILES))
        if found != name
    }
    for name, file in FILES.items()
}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module (Tarjan 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            component = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(component) > 1:
                found.append(sorted(component))

    for name in graph:
        if name not in order:
            visit(name)
    return found


def upward(graph: dict[str, set[str]]) -> list[str]:
    """Imports inside pipeline/ that point to a room above their own."""
    rank = {room: place for place, room in enumerate(LADDER)}
    found = []
    for name, imported in graph.items():
        own = name.split(".")[1:2]
        for other in imported:
            room = other.split(".")[1:2]
            both = name.startswith("pipeline.") and other.startswith("pipeline.")
            if both and rank[room[0]] < rank[own[0]]:
                found.append(f"{name} imports {other}")
    return found


IMPORTS = [
    ("from .b import x", "pipeline.reading.a", {"pipeline.reading.b"}),
    ("from . import b", "pipeline.reading.a", {"pipeline.reading.b"}),
    ("def f():\n    from ..scoring.c import y", "pipeline.reading.a", {"pipeline.scoring.c"}),
    ("import pipeline.scoring.c as c", "pipeline.reading.a", {"pipeline.scoring.c"}),
    ("from pipeline.scoring import c", "pipeline.reading.a", {"pipeline.scoring.c"}),
    ("import torch\nfrom math import pi", "pipeline.reading.a", set()),
]


@pytest.mark.parametrize(("source", "module", "expected"), IMPORTS)
def test_imports_are_found_wherever_they_stand(source, module, expected):
    known = {"pipeline.reading.b", "pipeline.scoring.c"}
    assert set(imports_of(source, module, False, known)) == expected


def test_circles_and_upward_imports_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    down, up = (
        {"pipeline.reading.a": {"pipeline.scoring.c"}},
        {"pipeline.scoring.c": {"pipeline.reading.a"}},
    )
    assert upward(down) == [] and len(upward(up)) == 1


def test_no_import_points_up_the_ladder():
    assert len(FILES) > 150
    assert upward(GRAPH) == []


def test_every_file_of_the_pipeline_is_in_a_room_of_the_ladder():
    rooms = {name.split(".")[1] for name in FILES if name.count(".")}
    of_pipeline = {name.split(".")[1] for name in FILES if name.startswith("pipeline.")}
    assert of_pipeline == set(LADDER) and of_pipeline <= rooms


def test_no_files_import_each_other_in_a_circle():
    assert circles(GRAPH) == []


def test_only_training_imports_lightning():
    for name, file in FILES.items():
        if not name.startswith("pipeline.") or name.startswith("pipeline.training."):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(n.startswith(("pytorch_lightning", "lightning")) for n in names), name


def test_no_folder_of_code_holds_more_files_than_can_be_taken_in_at_a_glance():
    for folder in {file.parent for file in FILES.values()}:
        files = [file for file in folder.glob("*.py") if file.stem != "__init__"]
        assert len(files) <= MAX_FILES, f"{folder}: {len(files)} files"


def test_every_room_says_in_one_sentence_what_it_is_for():
    for folder in {file.parent for file in FILES.values()}:
        summary = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
        assert summary and summary.strip().endswith("."), folder


def imported_rooms(source: str, package: list[str]) -> set[str]:
    """Rooms and libraries that a module in this package imports, wherever in it and however."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {".".join([*base, name]) for name in names}
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__") and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return {name.split(".")[0] or package[0] for name in found}


ROOM_IMPORTS = [
    ("import datasets.batch as b, torch", "models", {"datasets", "torch"}),
    ("from ..datasets.batch import pad", "models", {"datasets"}),
    ("from .. import pipeline", "models", {"pipeline"}),
    ("from ..heads import Head", "models/zoo", {"models"}),
    ("def f():\n    from pipeline import bundle", "models", {"pipeline"}),
    ("import_module('pipeline.cli')\nimport_module('.x', p)", "models", {"pipeline", "models"}),
]
TOP = {"models", "datasets", "pipeline", "tests", "benchmarks"}
KNOWS = {"models": {"models"}, "datasets": {"datasets"}, "run.py": {"pipeline"}}


@pytest.mark.parametrize(("source", "package", "found"), ROOM_IMPORTS)
def test_rooms_are_found_however_their_import_is_written(source, package, found):
    assert imported_rooms(source, package.split("/")) == found


@pytest.mark.parametrize("room", KNOWS)
def test_only_the_pipeline_knows_models_and_datasets(room):
    files = sorted((ROOT / room).rglob("*.py")) if (ROOT / room).is_dir() else [ROOT / room]
    assert files, f"no source files in {ROOT / room}"
    for file in files:
        package = list(file.relative_to(ROOT).parts[:-1])
        found = imported_rooms(file.read_text(encoding="utf-8"), package)
        assert found & TOP <= KNOWS[room], file
