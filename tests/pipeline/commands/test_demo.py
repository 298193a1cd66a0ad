"""The demo's parts, with tiny untrained bundles."""

import io
import logging
import re
import sys

import pytest
import torch
from rich.console import Console

from datasets import LineReader
from models import CTCHead, LineCNN, RecurrentStack
from pipeline.commands import demo
from pipeline.reading import bundle_files
from pipeline.reading.bundle import Bundle, save_bundle
from pipeline.reading.prediction import load_recognizer
from pipeline.reports import html as report
from tests.support.film_bundles import film_bundles
from tests.support.networks import connect
from tests.support.opinions import opinion_bundle

LABELS = list(" abcdefghijklmnopqrstuvwxyz")


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """models/zoo with four tiny, untrained bundles under the demo's names; runs and reports go to
    tmp_path.
    """
    torch.manual_seed(0)
    model = connect(
        16,
        len(LABELS),
        lambda size: LineCNN(size, channels=(4, 8, 8)),
        lambda size: RecurrentStack(size, hidden_size=8),
        CTCHead,
    )
    save_bundle(
        Bundle(model, LABELS, LineReader(16)), tmp_path / "zoo" / f"{demo.MODEL}.safetensors"
    )
    save_bundle(opinion_bundle(), tmp_path / "zoo" / f"{demo.REVIEWS}.safetensors")
    for name, made in film_bundles().items():
        save_bundle(made, tmp_path / "zoo" / f"{name}.safetensors")
    monkeypatch.setattr(bundle_files, "ZOO", tmp_path / "zoo")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "zoo"


def test_without_the_bundle_the_exit_status_is_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bundle_files, "ZOO", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert demo.main() == 2
    output = capsys.readouterr()
    assert f"no bundle '{demo.MODEL}'" in output.err and not output.out
    assert not list(tmp_path.iterdir())


def test_a_damaged_sample_is_named_and_the_exit_status_is_2(zoo, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "samples" / "lines"
    folder.mkdir(parents=True)
    (folder / "labels.tsv").write_text("01.png\tabc\n", encoding="utf-8")
    (folder / "01.png").write_bytes(b"no image")
    monkeypatch.setattr(demo, "SAMPLES", tmp_path / "samples")
    assert demo.main() == 2
    assert "01.png" in capsys.readouterr().err


def test_it_takes_no_options(capsys):
    with pytest.raises(SystemExit) as end:
        demo.main(["--fast"])
    assert end.value.code == 2 and "--fast" in capsys.readouterr().err


def test_every_sample_is_read_and_scored(zoo):
    reading = demo.read_samples(load_recognizer(demo.MODEL), demo.SAMPLES / "lines")
    labels = (demo.SAMPLES / "lines" / "labels.tsv").read_text(encoding="utf-8").splitlines()
    assert [f"{row.image.name}\t{row.target}" for row in reading.rows] == labels
    assert all(set(row.reading) <= set(LABELS) for row in reading.rows)
    assert reading.scores["cer"].value > 50 and reading.per_second > 0  # it was never trained


def test_the_table_marks_what_is_wrong_in_the_readings(tmp_path):
    rows = [
        report.Line(tmp_path / "01.png", "[bold]cat", "[bold]cut", 0.5),
        report.Line(tmp_path / "02.png", "right", "right", 0.987),
    ]
    console = Console(width=80, record=True, file=io.StringIO(), force_terminal=True)
    console.print(demo.line_table(rows))
    text = console.export_text(clear=False)
    assert "[bold]cat" in text and "[bold]cut" in text and "98.7 %" in text
    assert len(re.findall("right", text)) == 1
    styled = console.export_text(styles=True)
    assert re.search("\x1b\\[[0-9;]*31m" + "a\x1b", styled)  # only the wrong letter is red
    assert re.search("\x1b\\[[0-9;]*32m" + "u\x1b", styled)


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    assert demo.free_name(tmp_path, "demo") == "demo"
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo-2").mkdir()
    assert demo.free_name(tmp_path, "demo") == "demo-3"


@pytest.mark.slow
def test_it_trains_and_writes_the_page(zoo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["demo"])  # Lightning looks at it
    small = ["--data.source.count=32", "--data.source.validation=8", "--trainer.max_epochs=2"]
    monkeypatch.setattr(
        demo, "TINY", [*demo.TINY, *small, "--data.workers=0", "--trainer.log_every_n_steps=1"]
    )
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    assert demo.main() == 0
    output = capsys.readouterr()
    assert output.out.rstrip().splitlines()[-1] == "report: reports/demo.html"
    for library in ("pytorch_lightning", "lightning_fabric"):
        assert not logging.getLogger(library).isEnabledFor(logging.INFO)
    assert (tmp_path / "runs" / "demo-2" / "best.safetensors").is_file()
    curves = demo.learning_curves(tmp_path / "runs" / "demo-2")
    assert all(curves.values())
    cer = next(points for title, points in curves.items() if "error rate" in title)
    assert len(cer) == 2 and 0 < cer[0][0] < cer[1][0] < 60  # one for each epoch, in seconds
    html = (tmp_path / "reports" / "demo.html").read_text(encoding="utf-8")
    assert (
        html.count('src="data:image/png;base64,') == 21 and html.count("<polyline") == 2 + 4
    )  # curves of the training, of the videos
    assert html.count('class="card"') == 14 and html.count('class="timeline"') == 4
    assert "--data.source.count=32" in html and not re.search("https?:", html)
