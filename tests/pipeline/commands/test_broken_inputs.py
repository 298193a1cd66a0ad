"""One bad input among good ones: it is named, and all others are answered."""

import json
import os
import time
from pathlib import Path

import pytest

from pipeline.reading.bundle import save_bundle
from tests.datasets.limits.test_opening import BOMBS, write_baseline
from tests.datasets.limits.test_roots import PLAYLIST
from tests.support.film_bundles import film_bundles
from tests.support.films import film
from tests.support.pages import transkribus
from tests.support.small import noise_line, write_image

GOOD = 3


@pytest.fixture
def lines(tmp_path) -> Path:
    """Good lines, bombs, pages with wild coordinates and pipes that nobody writes into."""
    folder = tmp_path / "lines"
    folder.mkdir()
    for i in range(GOOD):
        write_image(folder / f"good{i}.png", noise_line(i))
    for name, content in BOMBS.items():
        (folder / f"bomb-{name}").write_bytes(content)
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "text.png").write_text("no image", "utf-8")
    return folder


@pytest.fixture
def films(tmp_path) -> Path:
    """Good films, and ones of no known codec, that name others, that never end."""
    folder = tmp_path / "films"
    folder.mkdir()
    for i in range(GOOD):
        film(folder / f"good{i}.mp4", [0, 90, 250] * 2)
    unknown = Path(film(folder / "unknown.mkv", [0, 255]))
    unknown.write_bytes(unknown.read_bytes().replace(b"V_MPEG4/ISO/ASP", b"V_NONE1/ISO/ASP"))
    (folder / "list.mp4").write_text(PLAYLIST.format("good0.mp4"), "utf-8")
    whole = Path(film(folder / "half.mp4", list(range(0, 250, 5)))).read_bytes()
    (folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
    os.mkfifo(folder / "pipe.mp4")
    (folder / "zero.mp4").symlink_to("/dev/zero")
    return folder


def answered(outcome, folder: Path, bad: int) -> None:
    records = [json.loads(row) for row in outcome.out.splitlines()]
    assert outcome.code == 1 and "Traceback" not in outcome.err
    errors = [record["error"] for record in records if "error" in record]
    assert len(errors) == bad and len(records) == GOOD + bad
    assert all(str(folder) in error and "\n" not in error for error in errors)


@pytest.mark.skipif(os.name != "posix", reason="has no pipes in folders")
def test_predict_answers_all_other_lines(command, lines, bundle_file):
    page = lines / "page.xml"
    write_baseline(page, "0,20 1000000000,20")
    start = time.monotonic()
    (lines / "huge.xml").write_text(page.read_text("utf-8").replace("0,20", "1e999,20"), "utf-8")
    outcome = command("predict", lines, "--model", bundle_file, "--format", "jsonl")
    records = [json.loads(row) for row in outcome.out.splitlines()]
    of_pages = [record for record in records if ".xml" in record["input"]]
    lines_of_pages = [line for record in of_pages for line in record.get("lines", [record])]
    assert any("error" in line for line in lines_of_pages) and len(lines_of_pages) >= 5
    outcome = outcome._replace(
        out="\n".join(json.dumps(record) for record in records if record not in of_pages)
    )
    answered(outcome, lines, len(BOMBS) + 3)
    assert time.monotonic() - start < 10


@pytest.mark.skipif(os.name != "posix", reason="has no pipes in folders")
def test_predict_answers_all_other_films(command, films, tmp_path):
    save_bundle(film_bundles()["motions"], tmp_path / "m.safetensors")
    start = time.monotonic()
    model = ("--model", tmp_path / "m.safetensors", "--format", "jsonl")
    answered(command("predict", films, *model), films, 5)
    assert time.monotonic() - start < 10


@pytest.mark.skipif(os.name != "posix", reason="has no pipes in folders")
def test_evaluate_and_doctor_go_on(command, lines, bundle_file):
    names = sorted(path.name for path in lines.iterdir())
    (lines / "labels.tsv").write_text("".join(f"{name}\tabc\n" for name in names), "utf-8")
    outcome = command("evaluate", "--model", bundle_file, "--data", lines)
    assert outcome.code in (0, 1) and "Traceback" not in outcome.err
    assert "zero.png: a pipe, a device or a socket" in outcome.err + outcome.out
    outcome = command("doctor", lines)
    assert outcome.code in (0, 1) and "Traceback" not in outcome.err + outcome.out


def test_a_page_alone_is_read_as_before(command, tmp_path, bundle_file):
    page = transkribus(tmp_path / "p.xml")
    outcome = command("predict", page, "--model", bundle_file)
    assert outcome.code == 0 and len(outcome.out.split("\n")) == 6  # an empty line between regions
