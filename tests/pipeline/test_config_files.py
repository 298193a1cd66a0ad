"""No config goes round the limits: not by a file or a text for one of its parts, nor by a cache."""

import os
import signal
from pathlib import Path

import pytest
import yaml

from pipeline import config_files
from pipeline.config_files import MAX_BYTES, read_config_text
from tests.support.small import WORDS

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
ENDLESS = {
    "more than 100 levels": "data: " + "[" * 5000 + "]" * 5000,
    "more than 100 levels; no": "{a: " * 3000 + "1" + "}" * 3000,
    "more than 1,000,000 values": LAUGHS + "data: {source: *a11}\n",
    "not UTF-8 at byte 6": b"data: \xff",
}


@pytest.mark.parametrize("says", ENDLESS)
def test_a_config_that_never_ends_is_refused(command, bundle_file, tmp_path, says):
    path = tmp_path / "c.yaml"
    content = ENDLESS[says]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=rf"c\.yaml: {says}"):
        read_config_text(path)
    for arguments in (["fit", "-c"], ["compare"], ["doctor", "--config"],
                      ["evaluate", "--model", bundle_file, "--config"]):  # fmt: skip
        outcome = command(*arguments, path)
        assert outcome.code == 2 and "error: " in outcome.err and says in outcome.err


def test_aliases_of_a_config_are_read(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: &a [1, 2]\nb: {c: *a, d: *a}\nbroken: [", "utf-8")
    assert read_config_text(path) == path.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: http://127.0.0.1/x.yaml", "data: http://127.0.0.1/x.yaml: write its options here"),
        ("model: other.yaml", "model: other.yaml: write its options here"),
        ("ckpt_path: ' https://a.b/x.ckpt'", "a URL; download it and give the file"),
        ("checkpoint: {dirpath: /tmp}", "dirpath: /tmp: where to write is said on the command"),
        ("trainer: {callbacks: [{init_args: {save_dir: x}}]}", "save_dir: x: where to write"),
        ("notes: &a [*a]", r"\*a stands in &a itself"),
        ("a: &a {b: &b [1, *a]}", r"\*a stands in &a itself"),
    ],
)
def test_what_no_config_may_name(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_config_text(path)


def test_a_config_of_a_run_is_read_again(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("checkpoint: {dirpath: null}\ndata: {source: {root: a//b}}\n", "utf-8")
    assert read_config_text(path).startswith("checkpoint")


@pytest.fixture
def at_once():
    """No hang: an error after 60 seconds."""

    def late(*_):
        raise TimeoutError("still reading")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def refusal(outcome) -> str:
    """The one line on why a command was refused, before anything was written."""
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert outcome.code == 2 and len(errors) == 1 and "Traceback" not in outcome.err, outcome.err
    assert len(errors[0]) < 600 and not Path("runs").exists()
    return errors[0]


def with_part(place: str, part: object) -> None:
    """Write attack.yaml: WORDS with another value at a place such as model.encoder."""
    config = inner = yaml.safe_load(WORDS)
    *groups, name = place.split(".")
    for group in groups:
        inner = inner[group]
    inner[name] = part
    Path("attack.yaml").write_text(yaml.safe_dump(config), "utf-8")


ENCODER = "{class_path: models.TokenEmbedding, init_args: {embedding_size: 8}}"
SOURCE = "{class_path: datasets.SyntheticReviews, init_args: {count: 12, validation: 8, test: 4}}"
CHECKPOINTS = "{class_path: pytorch_lightning.callbacks.ModelCheckpoint, init_args: {dirpath: out}}"
BAD_PARTS = {
    "more than 100 levels": "[" * 5000 + "]" * 5000,
    "more than 1,000,000 values": LAUGHS + "class_path: *a11\n",
    "a URL; download it": "{class_path: models.TokenEmbedding, init_args: {x: http://a.b/c}}",
    "such files are read up to": ENCODER + "\n" + "# no more\n" * (MAX_BYTES // 10),
    "where to write is said on the command line": CHECKPOINTS,
}
SLOTS = ["model.encoder", "model.wide", "data.source", "trainer.callbacks", "trainer.plugins"]


@pytest.mark.usefixtures("folder", "at_once")
@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("says", BAD_PARTS)
def test_a_file_for_a_part_is_checked_as_the_config_is(command, slot, says):
    Path("part.yaml").write_text(BAD_PARTS[says], "utf-8")
    with_part(slot, [str(Path("part.yaml").resolve())] if "call" in slot else "part.yaml")
    for arguments in (["attack.yaml"], ["words.yaml", f"--{slot}=part.yaml"]):
        line = refusal(command("fit", "-c", *arguments))
        assert "part.yaml: " in line and says in line
    assert not Path("out").exists()


@pytest.mark.usefixtures("folder", "at_once")
def test_a_file_for_a_part_of_a_part_is_checked(command, bundle_file):
    Path("inner.yaml").write_text("[" * 5000, "utf-8")
    mixture = "{class_path: datasets.Mixture, init_args: {sources: [inner.yaml, inner.yaml]}}"
    Path("outer.yaml").write_text(mixture, "utf-8")
    with_part("data.source", "outer.yaml")
    fit = ("fit", "-c", "attack.yaml")
    for arguments in (fit, ("evaluate", "--model", bundle_file, "--config", "attack.yaml")):
        assert "inner.yaml: more than 100 levels" in refusal(command(*arguments))


@pytest.mark.usefixtures("folder", "at_once")
@pytest.mark.parametrize("slot", ["model", "data", *SLOTS])
@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_what_is_no_file_is_one_error_at_once(command, slot, kind):
    if kind == "pipe":
        os.mkfifo("part.yaml")
    given = "/dev/zero" if kind == "device" else "part.yaml"
    with_part(slot, [given] if "call" in slot else given)
    for arguments in (["attack.yaml"], ["words.yaml", f"--{slot}={given}"]):
        assert given in refusal(command("fit", "-c", *arguments))
    assert refusal(command("fit", "-c", given))


@pytest.mark.usefixtures("folder")
def test_good_parts_in_files_are_read(command):
    Path("encoder.yaml").write_text(ENCODER, "utf-8")
    Path("source.yaml").write_text(SOURCE, "utf-8")
    with_part("model.encoder", "encoder.yaml")
    more = ("--data.source=source.yaml", "--trainer.max_epochs=1")
    outcome = command("fit", "-c", "attack.yaml", *more)
    assert outcome.code == 0, outcome.err


@pytest.mark.usefixtures("folder")
def test_many_small_files_are_as_one_large(command, monkeypatch):
    Path("part.yaml").write_text(SOURCE, "utf-8")
    mixture = {"class_path": "datasets.Mixture", "init_args": {"sources": ["part.yaml"] * 40}}
    with_part("data.source", mixture)
    monkeypatch.setattr(config_files, "MAX_ALL_BYTES", 20_000)
    line = refusal(command("fit", "-c", "attack.yaml"))
    assert "files in the place of its parts; write their options in it" in line


QUOTED = [
    ("trainer.callbacks", f"[{CHECKPOINTS}]", "dirpath: out: where to write is said"),
    ("model.encoder", "{x: ' http://a.b/c'}", "a URL; download it"),
    ("model.encoder", "[" * 200 + "]" * 200, "more than 100 levels"),
    ("data.source", LAUGHS + "x: *a11", "more than 1,000,000 values"),
    ("checkpoint", {"filename": "../../out"}, "filename: ../../out: where to write is said"),
    ("checkpoint.dirpath", "out", "dirpath: out: where to write is said"),
    ("model.encoder", "simplecache::http://127.0.0.1/x.yaml", "a URL; download it"),
]


@pytest.mark.usefixtures("folder", "at_once")
@pytest.mark.parametrize(("place", "value", "says"), QUOTED)
def test_options_in_quotes_and_dotted_keys_are_checked_too(command, place, value, says):
    config = yaml.safe_load(WORDS) | {place: value}
    Path("attack.yaml").write_text(yaml.safe_dump(config), "utf-8")
    assert says in refusal(command("fit", "-c", "attack.yaml"))


def test_no_more_is_in_quotes_than_in_a_config(tmp_path, monkeypatch):
    """One text may stand for many, by its alias."""
    path = tmp_path / "c.yaml"
    path.write_text("a: &a '[" + "1, " * 100 + "]'\nb: [" + "*a, " * 100 + "]\n", "utf-8")
    assert read_config_text(path)
    monkeypatch.setattr(config_files, "MAX_BYTES", 10_000)
    with pytest.raises(ValueError, match=r"c\.yaml: b: more YAML in quotes than a config holds"):
        read_config_text(path)


def test_texts_that_are_no_options_stay(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("labels: ['[', '{', 'a: b', '- x', '2020-99-99', '[unk]']\n", "utf-8")
    assert read_config_text(path) == path.read_text("utf-8")


OPINIONS = """
data:
  source:
    class_path: datasets.Reviews
    init_args: {root: reviews.csv, validation: 0.25, test: 0.25, min_count: 1, cache: CACHE}
  workers: 0
trainer: {max_epochs: 1}
"""


@pytest.fixture
def opinions(folder, monkeypatch) -> Path:
    """A config of reviews in a folder of its own, with its cache to fill in."""
    (folder / "work").mkdir()
    monkeypatch.chdir(folder / "work")
    rows = [f"{'fine' if i % 2 else 'bad'} film {i},{i % 2}" for i in range(40)]
    Path("reviews.csv").write_text("\n".join(["text,label", *rows]), "utf-8")
    (folder / "elsewhere").mkdir()
    os.symlink(folder / "elsewhere", "link")
    return folder


def cached(config: str, cache: str) -> str:
    Path(config).write_text(OPINIONS.replace("CACHE", cache), "utf-8")
    return config


@pytest.mark.parametrize("cache", ["../elsewhere", "{folder}/elsewhere", "~/elsewhere", "link"])
def test_a_cache_elsewhere_is_refused_by_every_command(
    command, opinions, bundle_file, monkeypatch, cache
):
    monkeypatch.setenv("HOME", str(opinions))
    cache = cache.format(folder=opinions)
    config = cached("c.yaml", cache)
    evaluate = ("evaluate", "--model", bundle_file, "--config")
    for arguments in (("fit", "-c"), ("compare",), evaluate):
        line = refusal(command(*arguments, config))
        assert f"{cache} lies outside of the working folder" in line and "--allow_outside" in line
    assert "cache" in line and not list((opinions / "elsewhere").iterdir())
    outcome = command("fit", "-c", config, "--allow_outside")
    assert outcome.code == 0, outcome.err
    assert list((opinions / "elsewhere").iterdir())


@pytest.mark.parametrize("cache", ["cache", "null", "{folder}/data/c", "{folder}/home/strand/x"])
def test_a_cache_in_the_users_folders_is_written(command, opinions, monkeypatch, cache):
    monkeypatch.setenv("XDG_CACHE_HOME", str(opinions / "home"))
    monkeypatch.setenv("STRAND_DATA", str(opinions / "data"))
    cache = cache.format(folder=opinions)
    outcome = command("fit", "-c", cached("c.yaml", cache))
    assert outcome.code == 0, outcome.err
    place = opinions / "home/strand/reviews" if cache == "null" else Path(cache)
    assert list(place.iterdir())
