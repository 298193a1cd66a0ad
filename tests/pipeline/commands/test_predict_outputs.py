"""predict --output: never an input, whole or not at all, and resumed where it broke off."""

import csv
import json
from pathlib import Path

import cv2
import pytest

from datasets.limits.pixels import LIMIT
from pipeline.commands import predict as command_module
from pipeline.commands.predict import build_parser, how_it_reads
from tests.support.pages import transkribus
from tests.support.small import noise_line, write_image

WINDOW = 2


@pytest.fixture
def lines(tmp_path, monkeypatch) -> Path:
    """Seven images, read in windows of two."""
    monkeypatch.setattr("pipeline.reading.items.WINDOW", WINDOW)
    for seed in range(7):
        write_image(tmp_path / "lines" / f"{seed}.png", noise_line(seed))
    (tmp_path / "lines" / "4.png").write_bytes(b"no image")
    (tmp_path / "lines" / "0.gt.txt").write_text("abc", "utf-8")
    return tmp_path / "lines"


@pytest.fixture
def predict(command, bundle_file):
    return lambda *inputs: command("predict", *inputs, "--model", bundle_file)


@pytest.fixture
def stop_at(monkeypatch):
    """Press Ctrl-C when this record is made."""

    def arm(number: int) -> None:
        made, real = [], command_module.answer_record

        def record(*given):
            made.append(given)
            if len(made) == number:
                monkeypatch.setattr(command_module, "answer_record", real)
                raise KeyboardInterrupt
            return real(*given)

        monkeypatch.setattr(command_module, "answer_record", record)

    return arm


@pytest.mark.parametrize("name", ["lines/0.png", "lines/0.gt.txt", "link.png", "b.safetensors"])
def test_no_input_bundle_or_label_file_is_written_over(command, bundle_file, lines, name):
    bundle = lines.parent / "b.safetensors"
    bundle.write_bytes(bundle_file.read_bytes())
    (lines.parent / "link.png").symlink_to("lines/0.png")
    before = (lines.parent / name).read_bytes()
    code, out, err = command(
        "predict", lines, "--model", bundle, "--output", lines.parent / name, "--format", "jsonl"
    )
    assert (code, out) == (2, "") and err.startswith("error: --output ") and err.count("\n") == 1
    assert (lines.parent / name).read_bytes() == before
    assert not list(lines.parent.glob("*.partial"))


@pytest.mark.parametrize("form", ["text", "jsonl", "csv"])
def test_an_interrupted_run_goes_on_to_the_same_output(predict, lines, tmp_path, stop_at, form):
    whole, output = tmp_path / "whole", tmp_path / "read"
    assert predict(lines, "--format", form, "--output", whole).code == 1
    output.write_text("old", "utf-8")
    stop_at(4)
    code, out, err = predict(lines, "--format", form, "--output", output)
    assert (code, out) == (130, "")
    assert err.endswith("interrupted: 3 of 7 read; go on with --resume\n")
    assert output.read_text("utf-8") == "old"
    refused = predict(lines, "--format", form, "--output", output)
    assert refused.code == 2 and "read.partial: holds 3 records" in refused.err
    code, _, err = predict(lines, "--format", form, "--output", output, "--resume")
    assert code == 1 and "1 of 7 inputs failed" in err
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lines", "read", "whole"]


def test_only_what_is_missing_is_read_again(predict, lines, tmp_path, stop_at, monkeypatch):
    stop_at(4)
    predict(lines, "--output", tmp_path / "o")
    read, real = [], command_module.answer_record
    monkeypatch.setattr(
        command_module, "answer_record", lambda r, a: read.append(a.name) or real(r, a)
    )
    assert predict(lines, "--output", tmp_path / "o", "--resume").code == 1
    assert [Path(name).name for name in read] == ["3.png", "4.png", "5.png", "6.png"]
    names = [line.split("\t")[0] for line in (tmp_path / "o").read_text("utf-8").splitlines()]
    assert names == sorted(map(str, lines.glob("*.png")))


def test_a_full_disk_at_the_end_loses_no_record(predict, lines, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("datasets.output.files.os.fsync", full)
        code, _, err = predict(lines, "--format", "csv", "--output", tmp_path / "o")
    assert code == 2 and err == (
        f"error: {tmp_path}/o: No space left on device; free some space there, or give another "
        "folder\n"
    )
    assert [p.name for p in tmp_path.glob("*o*")] == ["o.partial"]
    assert predict(lines, "--format", "csv", "--output", tmp_path / "o", "--resume").code == 1
    assert len((tmp_path / "o").read_text("utf-8").splitlines()) == 8


@pytest.mark.parametrize(
    "more",
    [
        ["--max_pixels", "5000000"],
        ["--allow_outside"],
        ["--allow_import", "numpy"],
        ["--layout", "line"],
        ["--format", "alto"],
        ["--lexicon", "words.txt"],
    ],
    ids=" ".join,
)
def test_no_run_goes_on_with_an_option_by_which_it_would_read_otherwise(
    predict, lines, tmp_path, stop_at, monkeypatch, more
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(LIMIT, "100000000")
    Path("words.txt").write_text("abc", "utf-8")
    stop_at(4)
    predict(lines, "--output", "o")
    code, _, err = predict(lines, *more, "--output", "o", "--resume")
    assert code == 2 and err.startswith("error: o.partial: was read with ") and "; give" in err
    monkeypatch.setenv(LIMIT, "100000000")  # one process has one limit
    assert predict(lines, "--output", "o", "--resume").code == 1


def test_a_lexicon_is_compared_by_its_content(predict, lines, tmp_path, stop_at):
    words, copy = tmp_path / "words.txt", tmp_path / "copy.txt"
    for path in (words, copy):
        path.write_text("abc", "utf-8")
    stop_at(4)
    predict(lines, "--output", tmp_path / "o", "--lexicon", words)
    words.write_text("abc de", "utf-8")
    resume = (lines, "--output", tmp_path / "o", "--resume", "--lexicon")
    code, _, err = predict(*resume, words)
    assert code == 2 and "was read with a lexicon of SHA-256 " in err
    assert predict(*resume, copy).code == 1 and (tmp_path / "o").exists()


def test_every_option_is_compared_or_changes_no_record():
    by_content_or_name = {"inputs", "model", "lexicon", "format"}
    written_otherwise = {"output", "mark", "raw", "resume", "live", "every"}
    options = build_parser().parse_args(["a.png", "--model", "lines-en"])
    compared = {name.removeprefix("--") for name in how_it_reads(options)}
    assert set(vars(options)) - by_content_or_name - written_otherwise <= compared


def test_records_stay_until_every_page_is_written(predict, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        transkribus(tmp_path / f"pages/{name}.xml")
    given = ("pages", "--format", "page", "--output", "out")
    Path("out/a.xml").mkdir(parents=True)
    code, _, err = predict(*given)
    assert code == 1 and "out.partial: keeps the records, since not all of out could" in err
    assert Path("out/b.xml").is_file() and Path("out.partial").is_file()
    Path("out/a.xml").rmdir()
    read = []
    monkeypatch.setattr(command_module, "answer_record", lambda *answer: read.append(answer))
    assert tuple(predict(*given, "--resume")) == (0, "", "") and read == []
    assert sorted(path.name for path in Path().iterdir()) == ["out", "pages"]
    assert Path("out/a.xml").is_file()


def test_a_resumed_run_calls_its_files_as_one_without_a_stop(predict, lines, tmp_path, stop_at):
    image = cv2.imread(str(lines / "0.png"))
    cv2.imwrite(str(lines / "0.jpg"), image)
    cv2.imwrite(str(lines / "6.jpg"), image)
    stop_at(4)
    assert predict(lines, "--format", "page", "--output", tmp_path / "o").code == 130
    predict(lines, "--format", "page", "--output", tmp_path / "o", "--resume")
    predict(lines, "--format", "page", "--output", tmp_path / "whole")
    names = [sorted(path.name for path in (tmp_path / f).iterdir()) for f in ("o", "whole")]
    assert names[0] == names[1]
    assert {"0.jpg.xml", "0.png.xml", "1.xml", "6.jpg.xml", "6.png.xml"} <= {*names[0]}


def test_to_standard_output_there_is_nothing_to_go_on_from(predict, lines, stop_at):
    stop_at(6)
    code, out, err = predict(lines)
    assert code == 130 and len(out.splitlines()) == 5
    assert err.endswith("interrupted: 5 of 7 read\n")
    assert "--resume goes with --output" in predict(lines, "--resume").err


def test_a_name_forges_no_row_and_no_formula(predict, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("=1+1.png", "a\nb.png\tforged.png", "c\x1b[2J.png"):
        write_image(tmp_path / "lines" / "x.png", noise_line(1)).rename(tmp_path / f"{name}.png")
    code, out, _ = predict("*.png")
    assert code == 0 and len(out.splitlines()) == 3 and "\x1b" not in out
    assert {line.count("\t") for line in out.splitlines()} == {1}
    rows = list(csv.reader(predict("*.png", "--format", "csv").out.splitlines()))
    assert rows[1][0] == "'=1+1.png.png" and len(rows) == 4
    assert predict("=*.png", "--format", "csv", "--raw").out.splitlines()[1].startswith("=1+1")
    named = [json.loads(line) for line in predict("*.png", "--format", "jsonl").out.splitlines()]
    assert [record["input"] for record in named] == sorted(p.name for p in tmp_path.glob("*.png"))
    assert "--raw goes with --format csv" in predict("*.png", "--raw").err


def test_an_input_that_is_called_as_the_partial_output_is_kept(predict, lines):
    source, output = lines / "1.png.partial", lines / "1.png.new"
    source.write_bytes((lines / "1.png").read_bytes())
    other = output.with_name("1.png.new.partial")
    other.write_bytes(source.read_bytes())
    code, _, err = predict(other, "--output", output)
    assert code == 2 and err.startswith("error: ") and other.read_bytes() == source.read_bytes()
