"""The commands in README and docs: each is understood, and runs where its data is at hand."""

import argparse
import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest

from pipeline.cli import COMMANDS
from pipeline.commands.predict import check_options
from pipeline.comparison.options import read_config

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "models" / "zoo").glob("*.md")),
]
PYTHON = r"(?:[A-Z_]+=\S+ +)*(?:\.venv/bin/)?python3? "
COMMAND = re.compile(rf"{PYTHON}(run\.py|-m) +(.+)")
INLINE = re.compile(rf"`({PYTHON}(?:run\.py|-m) [^`]+)`")
TRAINING = ("fit", "validate", "test")


def code_lines(text: str) -> list[str]:
    """Lines of indented and fenced code, continued ones joined, and code inside sentences."""
    lines, fenced = [], False
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line)
    return lines + [" ".join(code.split()) for code in INLINE.findall(text)]


def commands_in(text: str) -> list[str]:
    """ "run.py predict ..." and "-m benchmarks..." as they are typed, without comments."""
    found = []
    for line in code_lines(text):
        line = " ".join(re.sub(r"\s+# .*| {2,}#.*", "", line).split())
        for part in re.split(r"&&|\|(?=\s)|;", line):
            match = COMMAND.search(part)
            if match:
                found.append(f"{match[1]} {match[2].strip()}")
    return found


def expand_braces(word: str) -> list[str]:
    """a{b,c}d -> abd, acd, as a shell does."""
    match = re.fullmatch(r"(.*)\{([^{}]*,[^{}]*)\}(.*)", word)
    return [f"{match[1]}{way}{match[3]}" for way in match[2].split(",")] if match else [word]


def words_of(line: str) -> list[str]:
    return [part for word in shlex.split(line) for part in expand_braces(word)]


def is_synopsis(line: str) -> bool:
    """Brackets and dots stand for what the reader may add."""
    return "[" in line or "..." in line or "|" in line


FOUND = list(dict.fromkeys((page, line) for page in PAGES if page.exists()
                           for line in commands_in(page.read_text("utf-8"))))  # fmt: skip
OURS = [(page, line) for page, line in FOUND if line.startswith("run.py")]
MODULES = [
    (page, line) for page, line in FOUND if line.startswith(("-m benchmarks", "-m datasets"))
]


def titles(found: list[tuple[Path, str]]) -> list[str]:
    return [f"{page.stem}: {line[:60]}" for page, line in found]


def test_commands_are_found_as_they_are_written():
    text = """Read `python run.py predict
a b` first.

    ls | .venv/bin/python run.py predict - --format csv    # one a line
    X=1 python -m benchmarks.a --b {c,d} \\
      --e && python run.py fit -c f.yaml
"""
    assert commands_in(text) == [
        "run.py predict - --format csv", "-m benchmarks.a --b {c,d} --e",
        "run.py fit -c f.yaml", "run.py predict a b",
    ]  # fmt: skip
    assert words_of("-m benchmarks.a --b x{c,d}y") == [
        "-m", "benchmarks.a", "--b", "xcy", "xdy",
    ]  # fmt: skip
    assert len(OURS) > 40 and len(MODULES) > 10


def parser_of(name: str):
    return importlib.import_module(f"pipeline.commands.{COMMANDS[name].module}").build_parser()


@pytest.mark.parametrize(("page", "line"), OURS, ids=titles(OURS))
def test_every_command_is_understood(page, line, monkeypatch):
    monkeypatch.chdir(ROOT)
    _, name, *arguments = words_of(line)
    assert name in COMMANDS
    if is_synopsis(line):
        if name not in TRAINING:
            options = re.findall(r"--(\w+)", line)
            known = parser_of(name)._option_string_actions
            assert {f"--{option}" for option in options} <= known.keys()
    elif name in TRAINING:
        config = Path(arguments[arguments.index("-c") + 1])
        if config.parts[0] == "configs" and config.stem != "CONFIG":
            assert config.exists()
            if "--init_from" not in arguments and len(arguments) > 2 and name == "fit":
                read_config(arguments)  # the others are parsed by tests/test_configs.py
    else:
        options = parser_of(name).parse_args(arguments)
        if name == "predict":
            check_options(options)


@pytest.mark.parametrize(("page", "line"), MODULES, ids=titles(MODULES))
def test_every_module_takes_the_options_that_the_page_gives(page, line, monkeypatch):
    class Understood(Exception):  # noqa: N818, no error
        pass

    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self, *arguments):
        parse(self, *arguments)
        raise Understood

    _, module, *arguments = words_of(line)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises(Understood):
        importlib.import_module(module).main()


def at_hand(line: str) -> bool:
    """Whether a command reads nothing but what ships, and takes seconds."""
    _, name, *arguments = words_of(line)
    paths = [word for word in arguments if "/" in word or re.search(r"\.\w{2,4}$", word)]
    outputs = {arguments[i + 1] for i, word in enumerate(arguments[:-1])
               if word in ("--overlay", "--output", "--html", "--json")}  # fmt: skip
    inputs = [path for path in paths if path not in outputs]
    shipped = inputs and all(path.startswith("datasets/samples") for path in inputs)
    return bool(shipped) and name in ("predict", "evaluate", "report", "doctor")


RUN = [(page, line) for page, line in OURS if not is_synopsis(line) and at_hand(line)]


@pytest.mark.parametrize(("page", "line"), RUN, ids=titles(RUN))
def test_commands_on_what_ships_run(page, line, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    outcome = command(*words_of(line)[1:])
    assert outcome.code == 0, outcome.err
    assert outcome.out or list(tmp_path.glob("*.*"))


def test_the_commands_on_what_ships_are_not_forgotten():
    assert len(RUN) >= 6


def test_every_file_that_a_page_names_exists():
    """`pipeline/reading/bundle.py` in a page is a place to open."""
    named = re.compile(r"`((?:pipeline|datasets|models|benchmarks|tests|configs|docs)/[\w./-]+)`")
    for page in PAGES:
        for path in named.findall(page.read_text("utf-8")):
            assert (ROOT / path).exists() or path.startswith("configs/CONFIG"), f"{page}: {path}"


def test_every_link_between_pages_leads_somewhere():
    link = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[\w-]*)?\)")
    for page in PAGES:
        for target in link.findall(page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
