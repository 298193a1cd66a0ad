"""The folders of lines that a config names, wherever in it they stand."""

import pytest

from datasets import LineFolder
from datasets.limits.roots import given_root
from pipeline.evaluation.config_folders import (
    crop_of_config,
    folders_of_config,
    paths_in_config,
)

REAL = "class_path: datasets.RealLines, init_args: {{folders: {}}}"


def test_folders_come_from_the_source_or_from_those_it_mixes(tmp_path):
    config = tmp_path / "clips.yaml"
    config.write_text(f"data: {{source: {{{REAL.format('[{root: a}, {root: b}]')}}}}}")
    assert folders_of_config(config) == [LineFolder("a"), LineFolder("b")]
    real, rendered = f"{{{REAL.format('[{root: a}]')}}}", "{init_args: {number: 9}}"
    config.write_text(f"data: {{source: {{init_args: {{sources: [{real}, {rendered}]}}}}}}")
    assert folders_of_config(config) == [LineFolder("a")]
    config.write_text("data: {source: {class_path: datasets.Clips}}")
    with pytest.raises(ValueError, match=r"clips\.yaml: no datasets\.RealLines in it; give a con"):
        folders_of_config(config)


def test_the_crop_is_that_of_all_real_lines(tmp_path):
    config = tmp_path / "c.yaml"
    real = REAL.format("[{root: a}]")
    config.write_text(f"data: {{source: {{{real}}}}}")
    assert crop_of_config(config) == "auto"
    by_polygon = real.replace("folders:", "crop: polygon, folders:")
    config.write_text(f"data: {{source: {{{by_polygon}}}}}")
    assert crop_of_config(config) == "polygon"
    config.write_text(f"data: [{{{real}}}, {{{by_polygon}}}]")
    with pytest.raises(
        ValueError, match=r"c\.yaml: its RealLines have crop auto, polygon; give one"
    ):
        crop_of_config(config)
    config.write_text(f"data: {{{real.replace('folders:', 'crop: middle, folders:')}}}")
    with pytest.raises(ValueError, match=r"c\.yaml: crop 'middle'; choose one of auto, polygon"):
        crop_of_config(config)


def test_what_a_config_names_is_not_trusted_for_that(tmp_path):
    (tmp_path / "data").mkdir()
    config = tmp_path / "c.yaml"
    config.write_text(f"notes: [{tmp_path}, {tmp_path}/data]", encoding="utf-8")
    assert sorted(paths_in_config(config)) == [tmp_path, tmp_path / "data"]
    assert given_root(tmp_path / "data") is None
