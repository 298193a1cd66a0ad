"""The option --crop: lines are cut out as the bundle was trained, or as the command says."""

import json

import numpy as np
import pytest

from datasets import LineFolder, RealLines
from datasets.lines.reader import load_line
from pipeline.commands.predict import build_parser, how_it_reads
from pipeline.reading.bundle import load_bundle, save_bundle
from tests.support.pages import bent_page
from tests.support.small import tiny_bundle


@pytest.fixture
def page(tmp_path):
    """A page whose polygons cut letters."""
    bent_page(tmp_path / "p.xml", lambda x: 0 * x, cut=True)
    return tmp_path / "p.xml"


@pytest.fixture
def bundles(tmp_path):
    """Files of one bundle by the shape with which it was trained."""
    files = {}
    for crop in ("auto", "polygon", "baseline"):
        bundle = tiny_bundle()
        bundle.reader.crop = crop
        save_bundle(bundle, tmp_path / f"{crop}.safetensors")
        files[crop] = str(tmp_path / f"{crop}.safetensors")
    return files


def test_a_bundle_reads_as_it_was_trained_unless_told_otherwise(page, bundles, command):
    def read(model, *options):
        code, out, _ = command("predict", page, "--model", bundles[model], *options)
        assert code == 0
        return out

    by_polygon, by_baseline = read("polygon"), read("baseline")
    assert by_polygon != by_baseline == read("auto")
    assert read("auto", "--crop", "polygon") == by_polygon == read("baseline", "--crop=polygon")
    assert read("polygon", "--crop", "baseline") == by_baseline != read("polygon", "--crop", "box")


def test_evaluate_and_report_take_it(page, bundles, command, tmp_path):
    def score(*options):
        given = "--model", bundles["auto"], "--data", page
        code, _, _ = command("evaluate", *given, *options, "--json", tmp_path / "s.json")
        assert code == 0
        return json.loads((tmp_path / "s.json").read_text())["cer"]

    def report(*options):
        output = tmp_path / "r.html"
        given = "--model", bundles["auto"], "--data", page, "--output", output
        assert command("report", *given, *options)[0] == 0
        return output.read_text(encoding="utf-8")

    assert score() == score("--crop", "baseline") != score("--crop", "polygon")
    assert report() == report("--crop", "baseline") != report("--crop", "polygon")


def test_training_cuts_lines_as_its_bundle_does(page):
    for crop in ("polygon", "baseline"):
        folder = LineFolder(str(page), validation=0.0)
        source = RealLines([folder], height=16, max_width=900, crop=crop)
        assert source.reader.crop == crop
        line = load_line(f"{page}#l0", crop)
        read = source.split("train").read(0).inputs
        np.testing.assert_array_equal(read, source.reader.prepare(line))
        np.testing.assert_array_equal(read, source.reader.read(f"{page}#l0"))


def test_another_shape_and_another_reader_are_refused(page, bundles, command):
    code, _, err = command("predict", page, "--model", bundles["auto"], "--crop", "middle")
    assert code == 2 and "crop: Expected a Literal['auto', 'polygon', 'baseline', 'box']" in err
    with pytest.raises(ValueError, match=r"--crop box: .*reviews-en.* has a TextReader, no Line"):
        load_bundle("reviews-en", "box")
    with pytest.raises(ValueError, match="LineReader: crop='middle'; choose one of"):
        RealLines([LineFolder(str(page))], crop="middle")


def test_a_run_is_not_gone_on_with_by_another_shape(bundles):
    given = ["p.xml", "--model", bundles["auto"]]
    parse = build_parser().parse_args
    plain, by_box = (how_it_reads(parse([*given, *more])) for more in ([], ["--crop", "box"]))
    assert plain["--crop"] == "None" and by_box == plain | {"--crop": "box"}
