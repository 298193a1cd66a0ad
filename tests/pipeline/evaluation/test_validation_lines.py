"""Lines of folders and configs, and reasons why others are left out."""

from pathlib import Path

import pytest

from datasets import TextReader
from pipeline.evaluation.validation_lines import config_lines, folder_lines, report_left_out
from tests.support.small import noise_line, tiny_bundle, write_image, write_lines

pytestmark = pytest.mark.usefixtures("folder")
READER = tiny_bundle().reader


def test_validation_lines_of_a_config_are_grouped_by_folder():
    write_lines("ab", "ba", "cab", "cab")
    write_image(Path("more/p0__.png"), noise_line(0))
    Path("more/p0__.gt.txt").write_text("x", encoding="utf-8")
    write_image(Path("more/p1__.png"), noise_line(0, width=600))  # the reader accepts 500 columns
    Path("more/p1__.gt.txt").write_text("x", encoding="utf-8")
    config = Path("lines.yaml").read_text(encoding="utf-8")
    config = config.replace("{root: lines, validation: [p0, p1]}", (
        "{root: lines, validation: [p0, p1], weight: 3}, {root: more, validation: [p0]}"
    ))  # fmt: skip
    Path("two.yaml").write_text(config, encoding="utf-8")
    result = config_lines("two.yaml", READER)
    kept = [(lines.name, lines.texts, lines.groups) for lines in result.kept]
    assert kept == [("lines", ["ab", "ba"], ["p0", "p1"]), ("more", ["x"], ["p0"])]
    (trained,) = result.trained
    assert (trained.name, trained.texts) == ("lines", ["cab", "cab"])  # two lines, once each
    assert not (trained.any_case or result.kept[0].any_case)
    assert len(result.left_out) == 1 and "more/p1__.png" in result.left_out[0]
    with pytest.raises(ValueError, match="this bundle has a TextReader"):
        config_lines("two.yaml", TextReader(["a"]))


def test_images_without_a_transcript_are_left_out_of_a_folder():
    write_lines("ab", "ba")
    Path("lines/p0__.gt.txt").unlink()
    result = folder_lines("lines")
    why = "no transcript; put p0__.gt.txt beside it or remove the image"
    assert (result.texts, result.left_out) == (["ba"], [f"lines/p0__.png: {why}"])


def test_the_first_reasons_are_named_and_all_are_counted(capsys):
    report_left_out([])
    assert capsys.readouterr().err == ""
    report_left_out([f"line {n}" for n in range(12)])
    output = capsys.readouterr().err
    assert "line 9; not used" in output and "line 10;" not in output
    assert "12 lines left out; 2 more are not named" in output


@pytest.mark.parametrize("content", ["a\tb: [\n", "data: 3\n", ""])
def test_a_file_that_is_no_config_of_lines_is_refused(content, tmp_path):
    (tmp_path / "wrong.yaml").write_text(content)
    with pytest.raises(ValueError, match=r"wrong\.yaml: no "):
        config_lines(tmp_path / "wrong.yaml", READER)
