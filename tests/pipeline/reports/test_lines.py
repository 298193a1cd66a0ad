"""report on lines from the command line: the scores of evaluate in one self-contained page."""

import json
import re

import pytest

from pipeline.reading.bundle import save_bundle
from tests.pipeline.reports.test_html import Page
from tests.support.small import noise_line, tiny_bundle, write_image


@pytest.fixture
def labelled(tmp_path, expected):
    """Six lines of three pages: two correct, three with errors, and one that is no image."""
    folder = tmp_path / "a & <b>"
    folder.mkdir()
    paths = [write_image(folder / f"p{i % 3}__{i}.png", noise_line(i)) for i in range(5)]
    texts = [r["text"] for r in expected.predict(map(str, paths))]
    truths = [texts[0], texts[1].upper(), texts[2][1:] + "<x", texts[3], "“" + texts[4]]
    (folder / "p2__9.png").write_bytes(b"broken")
    rows = [*zip((p.name for p in paths), truths, strict=True), ("p2__9.png", "abc")]
    table = "".join(f"{name}\t{line}\n" for name, line in rows)
    (folder / "labels.tsv").write_text(table, encoding="utf-8")
    return folder


def test_the_page_has_the_scores_of_evaluate_and_loads_nothing(
    command, bundle_file, labelled, tmp_path
):
    output, beside = tmp_path / "r.html", tmp_path / "anchor.json"
    beside.write_text(json.dumps({"cer": 12.34, "n": 3}), encoding="utf-8")
    options = ("--model", bundle_file, "--data", labelled)
    code, out, err = command("report", *options, "--output", output, "--beside", beside)
    assert code == 1 and "p2__9.png" in err and "counted as read empty" in err
    command("evaluate", *options, "--json", tmp_path / "s.json")
    scores = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    html = output.read_text(encoding="utf-8")
    for name in "cer", "wer", "exact":
        assert f"<dd>{scores[name]:.2f} % (" in html and f"<td>{scores[name]:.2f}</td>" in html
        assert f"  {name} {scores[name]:.2f} %" in out
    assert "<td>12.34</td>" in html and out.rstrip().endswith(str(output))
    page = Page(html)
    assert not page.open and not {"script", "link", "iframe"} & set(page.tags)
    assert "1 not read or not scored" in "".join(page.text) and "http:" not in html
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 3 and all(s.startswith("data:image/png;base64,") for s in sources)
    assert html.count('<rect x="') > 3 and "url(" not in html


def test_two_bundles_are_compared_on_the_same_lines(command, bundle_file, labelled, tmp_path):
    save_bundle(tiny_bundle(seed=1), tmp_path / "other.safetensors")
    options = ("--model", bundle_file, "--data", labelled, "--output", tmp_path / "r.html")
    code, out, _ = command("report", *options, "--beside", tmp_path / "other.safetensors")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    summary = re.search(r"tiny beats other by ([\d.]+) points of cer \(.*over 3 groups\), p ", out)
    assert code == 1 and summary and summary[0] in html
    own, other = (
        float(re.search(rf"{name}</th><td>([\d.]+)", html)[1]) for name in ("tiny", "other")
    )
    assert float(summary[1]) == pytest.approx(other - own, abs=0.011) and own < other
    assert "Only 3 groups" in html and "Where tiny and other differ most" in html
    assert not Page(html).open


def test_a_bundle_compared_with_itself_has_no_difference(command, bundle_file, labelled, tmp_path):
    options = ("--model", bundle_file, "--data", labelled, "--output", tmp_path / "r.html")
    _, out, _ = command("report", *options, "--beside", bundle_file)
    assert "tiny and tiny (2) differ by 0.00 points of cer (0.00 to 0.00" in out
    assert "p = 1: no more" in out


def test_case_is_ignored_if_asked_and_few_lines_are_shown(command, bundle_file, labelled, tmp_path):
    options = ("--model", bundle_file, "--data", labelled, "--output", tmp_path / "r.html")
    command("report", *options, "--ignore_case", "--lines", 1)
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    _, out, _ = command("evaluate", *options[:4], "--ignore_case")
    cer = re.search(r"cer ([\d.]+) %", out)[1]
    assert f"<dd>{cer} % (" in html and "NFC, case ignored" in html
    assert html.count("<article") == 1 and "1 of 3 are shown; --lines shows more" in html


def test_a_bundle_that_reads_no_lines_is_refused_beside(command, bundle_file, labelled, tmp_path):
    from tests.support.opinions import opinion_bundle

    save_bundle(opinion_bundle(), tmp_path / "texts.safetensors")
    options = ("--model", bundle_file, "--data", labelled, "--output", tmp_path / "r.html")
    code, out, err = command("report", *options, "--beside", tmp_path / "texts.safetensors")
    assert (code, out) == (2, "") and "texts.safetensors reads texts" in err
    assert not (tmp_path / "r.html").exists()
