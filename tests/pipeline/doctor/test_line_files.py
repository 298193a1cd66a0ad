"""Listings of line data: unusable rows, images without a row, the splits of a config."""

import json
import re
from pathlib import Path

import pytest

from datasets import LineFolder, RealLines
from pipeline.doctor.line_files import holds_lines, list_config, list_folder
from pipeline.evaluation.config_folders import folders_in
from tests.support.small import noise_line, write_image


def pages(root: Path, count: int = 12) -> Path:
    names = [f"p{page}__{line}.png" for page in range(count) for line in range(2)]
    for index, name in enumerate(names):
        write_image(root / name, noise_line(index))
    (root / "labels.tsv").write_text("".join(f"{name}\tab\n" for name in names))
    return root


def test_rows_are_listed_unchanged_and_unusable_ones_are_reported(tmp_path):
    write_image(tmp_path / "p1__a.png", noise_line(0))
    write_image(tmp_path / "p1__c.png", noise_line(0))
    rows = "file\ttext\tgroup\np1__a.png\tcafe\u0301 \t\np1__b.png\tb\tgiven\n"
    rows += "no tab here\nx.png\ta\tb\tc\n"
    (tmp_path / "labels.tsv").write_text(rows, encoding="utf-8")
    listing = list_folder(LineFolder(str(tmp_path)), True)
    assert [(line.name, line.text, line.group, line.where) for line in listing.lines] == [
        ("p1__a.png", "cafe\u0301 ", "p1", "labels.tsv, line 2"),
        ("p1__b.png", "b", "given", "labels.tsv, line 3"),
        ("p1__c.png", None, "p1", "not in labels.tsv"),
    ]
    assert len(listing.problems) == 2
    assert "line 4: 1 cells" in listing.problems[0] and "line 5: 4 cells" in listing.problems[1]
    # training names the same rows and uses the others
    source = RealLines([LineFolder(str(tmp_path))])
    reasons = [problem.reason for problem in source.problems]
    assert len(source.split("train")) == 1 and set(listing.problems) < set(reasons)


def test_a_config_gives_each_line_the_split_that_training_gives_it(tmp_path):
    root = pages(tmp_path / "lines")
    (tmp_path / "out.tsv").write_text("p3__0.png\ttorn\np3__1.png\n")
    options = {"validation": 0.25, "test": 0.25, "leave_out": str(tmp_path / "out.tsv")}
    entries = ", ".join(f"{name}: {value}" for name, value in options.items())
    config = tmp_path / "c.yaml"
    config.write_text(
        "data: {source: {class_path: datasets.RealLines, init_args: {folders: ["
        f"{{root: {root}, {entries}}}]}}}}}}\n"
    )
    listing = list_config(config)
    source = RealLines([LineFolder(str(root), **options)])
    for split in ("train", "validation", "test"):
        listed = {line.path for line in listing.lines if line.split == split}
        assert listed == set(source.split(split).names) and listed
    assert [line.group for line in listing.left_out] == ["p3", "p3"] and len(listing.lines) == 22
    config.write_text("data: {}\n")
    with pytest.raises(ValueError, match=r"c\.yaml: no datasets\.RealLines in it"):
        list_config(config)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["p3__0.png", "q.png"], r"1 of its 2 names are no line's, such as 'q.png'"),
        (["q.png"], "training refuses it"),
        (["p3__0.png"], None),
    ],
)
def test_unknown_names_in_a_list_of_lines_to_leave_out_are_reported(tmp_path, names, message):
    """Two folders share the list: a name is unknown only if neither has such a line."""
    first, second = pages(tmp_path / "a"), pages(tmp_path / "b", 2)
    stale = tmp_path / "out.tsv"
    stale.write_text("\n".join(names))
    folders = [{"root": str(root), "leave_out": str(stale)} for root in (first, second)]
    source = {"class_path": "datasets.RealLines", "init_args": {"folders": folders}}
    config = tmp_path / "c.yaml"
    config.write_text(json.dumps({"data": {"source": source}}))
    problems = list_config(config).problems
    assert len(problems) == (message is not None)
    assert message is None or re.search(message, problems[0])
    if message == "training refuses it":
        with pytest.raises(ValueError, match="names are no line's"):
            RealLines([LineFolder(**folder) for folder in folders])


def test_only_tables_of_images_and_gt_txt_hold_lines(tmp_path):
    assert not holds_lines(tmp_path)
    (tmp_path / "labels.tsv").write_text("film.mp4\twalk\n")
    assert not holds_lines(tmp_path) and not holds_lines(tmp_path / "labels.tsv")
    (tmp_path / "labels.tsv").write_text("A.PNG\twalk\n")
    assert holds_lines(tmp_path) and holds_lines(tmp_path / "labels.tsv")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "x.gt.txt").write_text("x")
    assert holds_lines(tmp_path / "below")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.png\tx: y\tz\n", r"no config of lines; .*"),
        ("{folders: 3}", r"folders: 3 is no list"),
        ("{folders: [x]}", r"folders: 'x' is no LineFolder; give"),
        ("{folders: [{validation: [p1]}]}", "has no root"),
        ("{folders: [{root: x, tests: 1}]}", "has 'tests'; there are root, group_pattern,"),
        ("{folders: [{root: 3}]}", "root 3 in .*; expected str"),
        ("{folders: [{root: x, validation: p1}]}", r"validation 'p1' in .*; expected list\[str\]"),
        ("{folders: [{root: x, test: [1]}]}", r"test \[1\] in "),
        ("{folders: [{root: x, weight: [1]}]}", r"weight \[1\] in .*; expected float"),
    ],
)
def test_an_invalid_config_is_named_with_the_reason(tmp_path, content, message):
    if content.startswith("{"):
        content = f"{{class_path: datasets.RealLines, init_args: {content}}}"
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(ValueError, match=rf"c\.yaml: .*{message}"):
        list_config(tmp_path / "c.yaml")


def test_options_of_all_types_are_accepted():
    options = {"root": "x", "validation": 0, "test": ["a"], "weight": 2.0, "leave_out": None}
    part = {"class_path": "datasets.RealLines", "init_args": {"folders": [options]}}
    assert list(folders_in([{"any": part}])) == [LineFolder(**options)]


def test_an_invalid_group_pattern_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"group_pattern '\(': missing \)"):
        list_folder(LineFolder(str(pages(tmp_path)), group_pattern="("), True)


def test_a_folder_with_other_xml_files_holds_no_lines(tmp_path):
    (tmp_path / "settings.xml").write_text('<?xml version="1.0"?>\n<settings a="1"/>')
    (tmp_path / "broken.xml").write_text("PcGts")
    assert not holds_lines(tmp_path)
    assert holds_lines(tmp_path / "broken.xml")  # given itself, its fault is reported
    (tmp_path / "page.xml").write_text('<?xml version="1.0"?>\n<!-- x --><pc:PcGts><cut off')
    assert holds_lines(tmp_path)


def test_lines_of_any_case_are_told_as_such(tmp_path):
    root = pages(tmp_path / "a")
    source = {"class_path": "datasets.RealLines"}
    source["init_args"] = {"folders": [{"root": str(root), "any_case": True}]}
    config = tmp_path / "c.yaml"
    config.write_text(json.dumps({"data": {"source": source}}))
    assert all(line.any_case for line in list_config(config).lines)
    assert not any(line.any_case for line in list_folder(LineFolder(str(root)), True).lines)
