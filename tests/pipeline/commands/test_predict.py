"""predict from the command line: files in, records out in order, an exit status."""

import csv
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from datasets.environment import MachineError
from datasets.files import IMAGE_SUFFIXES
from pipeline.reading.items import load_window
from pipeline.writing.sink import put
from tests.support.small import ALPHABET, break_images, noise_line, write_image

ROOT = Path(__file__).parents[3]


@pytest.fixture
def lines(tmp_path) -> Path:
    """A folder of six images whose names are not in the order of their seeds."""
    for seed, name in enumerate(["c", "a", "f", "sub/e", "b", "d"]):
        write_image(tmp_path / "lines" / f"{name}.png", noise_line(seed))
    return tmp_path / "lines"


@pytest.fixture
def predict(command, bundle_file):
    return lambda *inputs: command("predict", *inputs, "--model", bundle_file)


def names(out: str) -> list[str]:
    return [line.split("\t")[0] for line in out.splitlines()]


def test_the_tiny_bundle_reads_different_lines_differently(lines, expected):
    texts = [r["text"] for r in expected.predict(sorted(map(str, lines.rglob("*.png"))))]
    assert len(set(texts)) == 6 and min(map(len, texts)) > 2  # equal strings would prove nothing


def test_files_are_answered_in_the_order_given(predict, lines, expected):
    given = [str(lines / f"{name}.png") for name in ("f", "a", "c", "a")]
    code, out, err = predict(*given)
    records = [f"{r['input']}\t{r['text']}" for r in expected.predict(given)]
    assert (code, out.splitlines(), err) == (0, records, "")


def test_a_folder_is_read_in_name_order_with_its_subfolders(predict, lines):
    (lines / "notes.txt").write_text("no image", encoding="utf-8")
    write_image(lines / "G.PNG", noise_line(9))
    code, out, _ = predict(lines)
    found = ["G.PNG", "a.png", "b.png", "c.png", "d.png", "f.png", "sub/e.png"]
    assert (code, names(out)) == (0, [str(lines / name) for name in found])


def test_globs_are_read_in_name_order(predict, lines):
    code, out, _ = predict(f"{lines}/[abc].png", f"{lines}/**/e.png")
    found = [str(lines / name) for name in ("a.png", "b.png", "c.png", "sub/e.png")]
    assert (code, names(out)) == (0, found)


def test_a_file_whose_name_looks_like_a_glob_is_a_file(predict, lines):
    odd = write_image(lines / "page[1].png", noise_line(3))
    assert names(predict(odd).out) == [str(odd)]


def test_a_dash_takes_names_from_standard_input(predict, lines, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{lines}/b.png\n\n{lines}/a.png\r\n"))
    code, out, _ = predict(lines / "c.png", "-")
    assert (code, names(out)) == (0, [f"{lines}/{name}.png" for name in "cba"])


def test_jsonl_has_the_documented_keys(predict, lines, expected):
    code, out, _ = predict(lines / "a.png", lines / "no.png", "--format", "jsonl")
    first, second = map(json.loads, out.splitlines())
    assert code == 1
    assert first == {"layout": "line"} | next(expected.predict([str(lines / "a.png")]))
    assert [k for k in first if k != "notes"] == ["input", "layout", "text", "confidence"]
    assert 0 <= first["confidence"] <= 1
    no = str(lines / "no.png")
    assert second == {"input": no, "error": f"{no}: no such file"}


def test_csv_has_one_row_an_input(predict, lines, expected):
    code, out, _ = predict(lines / "a.png", lines / "no.png", "--format", "csv")
    head, first, second = csv.reader(io.StringIO(out))
    record = next(expected.predict([str(lines / "a.png")]))
    assert (code, head) == (1, ["input", "reading", "confidence", "error", "notes"])
    notes = "; ".join(record.get("notes", []))
    assert first == [record["input"], record["text"], str(record["confidence"]), "", notes]
    assert second == [str(lines / "no.png"), "", "", f"{lines / 'no.png'}: no such file", ""]


def test_doubtful_lines_are_marked_in_a_last_column(predict, lines, expected):
    """The tiny bundle is sure of nothing, and a line of one stroke is no text at all."""
    paths = sorted(map(str, lines.rglob("*.png")))
    records = list(expected.predict(paths))
    assert any("notes" in record for record in records)
    code, out, _ = predict(lines, "--mark")
    cells = [line.split("\t") for line in out.splitlines()]
    assert code == 0 and [row[:2] for row in cells] == [[r["input"], r["text"]] for r in records]
    assert [row[2] for row in cells] == ["; ".join(r.get("notes", [])) for r in records]
    code, _, err = predict(lines, "--mark", "--format", "jsonl")
    assert code == 2 and "--mark goes with --format text" in err


def test_a_line_without_ink_is_read_as_nothing(predict, tmp_path):
    write_image(tmp_path / "blank.png", np.full((30, 200), 240, np.uint8))
    for options in ((), ("--decoder", "beam")):
        code, out, _ = predict(tmp_path / "blank.png", "--format", "jsonl", *options)
        record = json.loads(out)
        assert code == 0 and record["text"] == "" and record["confidence"] > 0.9
        assert "notes" not in record


@pytest.mark.parametrize("form", ["text", "csv", "page"])
def test_several_readings_need_a_format_that_holds_them(predict, lines, form):
    code, out, err = predict(lines, "--n_best", "3", "--format", form)
    assert (code, out) == (2, "") and f"--n_best 3: --format {form} has no place" in err


@pytest.mark.parametrize(
    "given", [("--decoder", "beam"), ("--lexicon", "w.txt"), ("--n_best", "2")]
)
def test_a_stream_is_never_searched(predict, given):
    code, out, err = predict("--live", "a.mp4", *given)
    message = f"--live a.mp4: reads step by step and never searches; leave out {' '.join(given)}"
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1


def test_output_goes_to_a_file(predict, lines, tmp_path):
    target = tmp_path / "read.tsv"
    code, out, err = predict(lines, "--output", target)
    assert (code, out, err) == (0, "", "")
    assert target.read_text(encoding="utf-8") == predict(lines).out


def test_an_output_that_cannot_be_written_is_misuse(predict, lines, tmp_path):
    code, out, err = predict(lines, "--output", tmp_path / "none" / "read.tsv")
    assert (code, out) == (2, "")
    assert "none/read.tsv" in err and err.count("\n") == 1


def test_993_of_1000_are_answered_and_seven_named(predict, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    broken = break_images(folder)
    images = [noise_line(seed, width=20 + seed) for seed in range(5)]
    good = [write_image(folder / f"{i:04}.png", images[i % 5]) for i in range(993)]
    given = sorted([*good, *broken], key=lambda path: crc32(path.name.encode()))  # mixed
    code, out, err = predict(*given)
    answers = dict(line.split("\t") for line in out.splitlines())
    assert code == 1
    assert names(out) == [str(path) for path in given]
    assert sum(bool(answers[str(path)]) for path in good) == 993
    assert not any(answers[str(path)] for path in broken)
    *errors, last = [line for line in err.splitlines() if "libpng" not in line]
    assert last == "7 of 1,000 inputs failed; the others were answered"
    assert len(errors) == 7
    for path, says in (broken | {folder / "g_missing.png": "no such file"}).items():
        (error,) = [line for line in errors if str(path) in line]
        assert error.startswith("error: ") and says in error


def test_a_batch_of_one_and_of_32_read_the_same(lines, expected, monkeypatch):
    given = [str(write_image(lines / "more" / f"{i}.png", noise_line(i))) for i in range(40)]
    together = list(expected.predict(given))
    monkeypatch.setattr("pipeline.reading.prediction.BATCH", 1)
    alone = list(expected.predict(given))
    assert [r["text"] for r in together] == [r["text"] for r in alone]


def test_order_is_kept_over_several_windows(lines, expected, monkeypatch):
    given = [str(write_image(lines / "more" / f"{i}.png", noise_line(i))) for i in range(7)]
    whole = list(expected.predict(given))
    monkeypatch.setattr("pipeline.reading.items.WINDOW", 2)
    assert list(expected.predict(given)) == whole
    assert list(expected.predict([])) == []


def test_a_window_is_bounded_by_bytes_too(lines, expected, monkeypatch):
    given = [str(write_image(lines / "more" / f"{i}.png", noise_line(i, 50))) for i in range(40)]
    whole = list(expected.predict(given))
    monkeypatch.setattr("pipeline.reading.items.WINDOW_BYTES", 3 * 50 * 16)
    windows = []

    def load(*given) -> list:
        windows.append(load_window(*given))
        return windows[-1]

    monkeypatch.setattr("pipeline.reading.prediction.load_window", load)
    assert list(expected.predict(given)) == whole
    sizes = [len(window) for window in windows]
    assert sum(sizes) == 40 and max(sizes) <= 3 + 2 * expected.workers + 1


def test_wide_lines_come_in_batches_of_bounded_size(expected, lines, monkeypatch):
    monkeypatch.setattr("pipeline.reading.prediction.BATCH_BYTES", 100 * 16)  # 100 columns
    monkeypatch.setattr("pipeline.reading.batches.BOUND", 100 * 16)
    sizes = []
    infer = expected.infer
    monkeypatch.setattr(expected, "infer", lambda x: sizes.append([len(i) for i in x]) or infer(x))
    paths = [write_image(lines / f"{w}.png", noise_line(w, w)) for w in (30, 30, 30, 50, 300)]
    records = list(expected.answers(map(str, paths)))  # without notes, which read again
    assert all(len(batch) == 1 or max(batch) * len(batch) <= 100 for batch in sizes)
    assert sum(map(len, sizes)) == len(records) == 5


MISUSE = [
    (["--modle", "x"], "no option 'modle'; did you mean 'model'?"),
    (["--mod=x"], "no option 'mod'"),
    (["--form", "csv"], "no option 'form'"),
    (["--format", "xml"], "format: Expected a Literal['text', 'jsonl', 'csv', 'page', 'alto', "),
    (["--format", "srt"], "--format srt needs segments with times, but this bundle gives a text"),
    (["--live", "b.mp4"], "--live b.mp4: takes neither inputs nor --overlay"),
    (["--every", "2"], "--every 2.0 goes with --live"),
    (["--overlay", "a.mp4"], "--overlay a.mp4: this bundle reads no videos"),
    (["--model", "no-such"], "no bundle 'no-such'; shipped are: "),
    (["--model", "no.safetensors"], "no such bundle: no.safetensors"),
]


@pytest.mark.parametrize(("options", "says"), MISUSE)
def test_misuse_is_one_line_and_exit_status_2(command, lines, options, says):
    code, out, err = command("predict", lines / "a.png", *options)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"error: {says}")
    assert err.count("\n") <= 2


def test_predict_needs_inputs(command):
    code, _, err = command("predict")
    assert code == 2 and "error: the following arguments are required: inputs" in err


def test_an_empty_folder_and_an_empty_glob_are_misuse(predict, tmp_path):
    (tmp_path / "bare").mkdir()
    code, _, err = predict(tmp_path / "bare")
    assert (code, err) == (2, f"error: {tmp_path / 'bare'}: no {SUFFIXES} file in this folder\n")
    code, _, err = predict(f"{tmp_path}/*.tif")
    assert (code, err) == (2, f"error: {tmp_path}/*.tif: no file matches\n")


SUFFIXES = " ".join((*IMAGE_SUFFIXES, ".pdf"))


def test_an_unknown_command_lists_the_commands(command):
    code, _, err = command("preddict")
    assert code == 2 and "no command 'preddict'; did you mean 'predict'?" in err
    assert command("--help").code == 0 and "predict INPUT" in command().out


def test_reading_a_line_imports_nothing_that_training_or_pages_need(bundle_file, lines):
    script = (
        "import sys; sys.argv = ['run.py', 'predict', *sys.argv[1:]]\n"
        "import atexit; from pipeline.cli import main\n"
        "heavy = ('pytorch_lightning', 'albumentations', 'torchvision', 'tensorboard', 'av',\n"
        "  'onnxruntime', 'rapidocr', 'PIL', 'pypdfium2', 'pikepdf')\n"
        "atexit.register(lambda: print([name for name in heavy if name in sys.modules]))\n"
        "main()"
    )
    arguments = [sys.executable, "-c", script, lines / "a.png", "--model", bundle_file]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60)
    answer, heavy = done.stdout.splitlines()
    assert answer.startswith(f"{lines / 'a.png'}\t") and set(answer.split("\t")[1]) <= set(ALPHABET)
    assert (heavy, done.stderr) == ("[]", "")


def test_an_image_too_narrow_for_one_step_is_an_error(command, bundle_file, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.lines.normalization.line.has_ink", lambda image: True)
    narrow = write_image(tmp_path / "narrow.png", noise_line(0, width=1))
    code, out, _ = command("predict", narrow, "--model", bundle_file, "--format", "jsonl")
    assert code == 1 and "too few to read anything" in json.loads(out)["error"]


def test_upper_case_endings_are_found(command, bundle_file, tmp_path):
    write_image(tmp_path / "SCAN.PNG", noise_line(0))
    code, out, _ = command("predict", tmp_path, "--model", bundle_file)
    assert code == 0 and "SCAN.PNG\t" in out


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("kind", ["text", "jsonl", "csv"])
def test_a_full_disk_ends_the_run_with_its_path(predict, lines, kind):
    code, _, err = predict(lines, "--format", kind, "--output", "/dev/full")
    assert code == 2 and len(err.splitlines()) == 1
    assert err.startswith("error: /dev/full: No space left on device; free some space")


def test_an_error_of_the_machine_while_reading_is_no_failed_record(predict, lines, monkeypatch):
    monkeypatch.setattr("pipeline.reading.pages.loading.load_grey", full_disk)
    code, out, err = predict(lines)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and "a.png: No space left on device" in err


def test_a_record_that_cannot_be_written_does_not_stop_the_others(capsys):
    records = []

    def write(record: dict) -> None:
        if record["input"] == "bad":
            raise ValueError("bad: lasts no millisecond")
        records.append(record["input"])

    assert [put(write, {"input": name}) for name in ("a", "bad", "b")] == [True, False, True]
    assert records == ["a", "b"] and "error: bad: lasts no millisecond" in capsys.readouterr().err
    with pytest.raises(MachineError, match=r"out\.csv: No space left"):
        put(full_disk, {"input": "a"}, "out.csv")
    with pytest.raises(BrokenPipeError):
        put(lambda record: (_ for _ in ()).throw(BrokenPipeError()), {"input": "a"})
