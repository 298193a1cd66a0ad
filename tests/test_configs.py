"""Each config is read strictly, takes a step, and learns four samples by heart."""

import re
import string
from pathlib import Path

import matplotlib
import pyarrow
import pyarrow.parquet
import pytest
import yaml

from datasets.data_module import EpochSampler, SequenceDataModule
from datasets.lines.synthetic import source as synthetic_lines
from datasets.lines.synthetic.fonts import find_fonts
from datasets.sampling import BucketSampler
from pipeline.reading.bundle import read_metadata
from pipeline.training.command_line import StrandCLI
from tests.support.films import film
from tests.support.small import noise_line, write_image

ROOM = Path(__file__).parent.parent / "configs"
CONFIGS = sorted(ROOM.rglob("*.yaml"))
every_config = pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
FONT = [matplotlib.get_data_path() + "/fonts/ttf/DejaVuSerif.ttf"]
SMALL = ["--data.source.count=4", "--data.source.validation=4", "--data.source.test=0"]
# those that need a folder under $STRAND_DATA
IMDB = "rnn lstm deep_lstm bilstm cnn cnn_lstm gru layernorm min_lstm region_lstm best"
LIPS = "words digit color slots"  # the last three, and lips.yaml, start from the bundle of words
VIDEO = {"lips", "fir_home", "ut_interaction", *LIPS.split()}
LINES = {
    "lines_base",
    "lines_large",
    "lines_printed",
    "lines_fraktur",
    "lines_fr",
    "lines_hand",
    "lines_recipe",
    "lines_books",
}
FROM_FOLDERS = {*LINES, "ko_nsmc", "ja_chabsa", *IMDB.split(), *VIDEO}
# what each needs to learn four samples by heart within seconds; the network is the config's own
LEARN = {
    "clip_classification": ["--model.learning_rate=5.0e-3"],
    "frame_events_live": ["--model.learning_rate=5.0e-3", "--data.source.frame_size=16"],
    "frame_events": ["--model.learning_rate=5.0e-3", "--data.source.frame_size=16"],
    "made_reviews": [],
    "ocr_lines": ["--model.learning_rate=1.0e-2", "--data.source.seed=38"],  # four short lines
    "tagging": ["--model.learning_rate=1.0e-2"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_line_folder(root: Path, names: list[str]) -> None:
    for place, name in enumerate(names):
        write_image(root / f"{name}.png", noise_line(place, width=100, height=40))
    rows = "".join(f"{name}.png\tLine {place}\n" for place, name in enumerate(names))
    (root / "labels.tsv").write_text(rows, encoding="utf-8")


def write_named_folders(root: Path, config: Path) -> None:
    """The folders of a config that are not there yet, with lines of the groups that it names."""
    sources = yaml.safe_load(config.read_text("utf-8"))["data"]["source"]["init_args"]["sources"]
    for folder in sources[0]["init_args"]["folders"]:
        path = root / folder["root"]
        if not path.exists():
            splits = (folder[split] for split in ("validation", "test") if split in folder)
            named = [group for groups in splits if isinstance(groups, list) for group in groups]
            groups = [*named, *(f"group {i}" for i in range(10))]
            write_line_folder(path, [f"{i}__1" for i, _ in enumerate(groups)])
            rows = "".join(f"{i}__1.png\t{group}\n" for i, group in enumerate(groups))
            (path / "groups.tsv").write_text(rows, encoding="utf-8")


def write_video_folders(root: Path) -> None:
    """A few films for each folder of videos, with the columns and the names of groups it has."""
    tables = {
        "ut_interaction": ["clip,label,group"],
        "fir_home": ["clip,start_frame,end_frame,label"],
        "grid_s1": ["clip,start_frame,end_frame,label,word"],
    }
    transcripts = ["clip,text"]
    for name, rows in tables.items():
        (root / name / "clips").mkdir(parents=True)
        for place in range(10):
            clip = f"clips/202006{26 + place % 4}_{place}.mp4"
            film(root / name / clip, [20 * place + step for step in range(12)], rate=4)
            kind = "ab"[place % 2]
            if name == "ut_interaction":
                rows.append(f"{clip},{kind},seq{place + 1:02}")
            elif name == "fir_home":
                rows += [f"{clip},0,6,{kind}", f"{clip},6,12,c"]
            else:
                rows += [f"{clip},0,6,color,{kind}", f"{clip},6,12,digit,{kind}{kind}"]
                transcripts.append(f"{clip},{kind} {kind}{kind}")
        (root / name / "labels.csv").write_text("\n".join(rows) + "\n")
    (root / "grid_s1/transcripts.csv").write_text("\n".join(transcripts) + "\n")


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """A small stand-in for each folder and file that a config names, under $STRAND_DATA."""
    root = tmp_path / "data"
    write_line_folder(root / "lines/en_oldbooks", [f"{book}1" for book in "abcgj"])
    write_line_folder(root / "lines/en_sroie_receipts", [f"r{i}_1" for i in range(10)])
    for name in ("en_stanford_letters", "fr_tapuscorpus_typewriter", "fr_copiste_handwriting"):
        write_line_folder(root / "lines" / name, [f"l{i}__1" for i in range(10)])
    write_line_folder(root / "lines/de_archiscribe_fraktur", [f"w{i}__1" for i in range(10)])
    write_line_folder(root / "lines/de_ocrd_linegt", [f"w{i}-0001__1" for i in range(10)])
    write_line_folder(root / "lines/fr_gallicorpora_print18", [f"b{i}_p__1" for i in range(10)])
    for name in ("lines_base", "lines_large"):
        write_named_folders(root, ROOM / f"{name}.yaml")
    write_video_folders(root / "video")
    texts = [" ".join([string.ascii_letters, "good bad"[4 * (i % 2) :]] * 9) for i in range(40)]
    table = {"text": texts, "label": [i % 2 for i in range(40)], "movie": list(range(40))}
    for name in ("imdb", "languages/ko_nsmc", "languages/ja_chabsa"):
        (root / name).mkdir(parents=True)
        pyarrow.parquet.write_table(pyarrow.table(table), root / name / "train.parquet")
    (root / "datasets").symlink_to(ROOM.parent / "datasets")  # the texts that ship
    # a machine need not have the fonts that a config names
    monkeypatch.setattr(synthetic_lines, "find_fonts", lambda letters, _: find_fonts(letters, FONT))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("STRAND_DATA", str(root))
    return root


def test_there_are_configs():
    assert {path.stem for path in CONFIGS} == {*LEARN, *FROM_FOLDERS}
    assert {path.stem for path in (ROOM / "imdb").iterdir()} == {*IMDB.split()}
    assert {path.stem for path in (ROOM / "lips").iterdir()} == {*LIPS.split()}


@every_config
def test_the_first_line_is_the_command(config):
    lines = config.read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# python run.py fit -c configs/{config.relative_to(ROOM).as_posix()}"
    assert len(lines) <= 40


@every_config
def test_a_config_is_read_strictly(config, command, monkeypatch):
    """As it stands it is accepted; with one of its keys misspelt, another in each, it is not."""

    class ReadError(Exception):
        pass

    def stop(self) -> None:
        raise ReadError

    monkeypatch.setattr(StrandCLI, "before_instantiate_classes", stop)
    with pytest.raises(ReadError):
        command("fit", "-c", config)
    text = config.read_text(encoding="utf-8")
    inner = "num_layers" if config.stem == "cnn" else "hidden_size"
    keys = ("encoder", "learning_rate", "source", "max_epochs", inner)
    key = keys[CONFIGS.index(config) % len(keys)]
    assert all(f"{key}:" in text for key in keys)
    Path("wrong.yaml").write_text(text.replace(f"{key}:", f"{key}x:"), encoding="utf-8")
    code, _, err = command("fit", "-c", "wrong.yaml")
    assert code == 2 and f"{key}x" in err.splitlines()[-1]


def starts(config: Path) -> list[Path]:
    """The configs whose bundles this one starts from, the first of them first."""
    found = re.search(r"^init_from: runs/(\w+)/", config.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        return []
    before = next(path for path in CONFIGS if path.stem == found[1])
    return [*starts(before), before]


@every_config
def test_a_config_takes_a_step(config, command, data):
    small = [] if config.stem in FROM_FOLDERS else SMALL
    limits = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=1", "--data.workers=0"]
    limits += ["--trainer.limit_val_batches=1", "--data.batch_size=2"]
    for before in starts(config):
        assert command("fit", "-c", before, *limits).code == 0
    code, out, err = command("fit", "-c", config, *small, *limits)
    assert code == 0, err
    assert "epoch 1: " in out
    assert read_metadata(Path(f"runs/{config.stem}/best.safetensors"))["labels"]


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARN)
def test_a_config_learns_four_samples_by_heart(name, command, monkeypatch):
    """The error on the very samples that were learned falls to 0."""
    split = SequenceDataModule.split
    monkeypatch.setattr(SequenceDataModule, "split", lambda self, name: split(self, "train"))
    # the same four in each epoch: the order is drawn anew, the lines are not
    monkeypatch.setattr(EpochSampler, "set_epoch", BucketSampler.set_epoch)
    stop = ["--early_stopping.stopping_threshold=0.001", "--early_stopping.patience=1000"]
    limits = ["--trainer.max_epochs=300", "--trainer.check_val_every_n_epoch=5"]
    options = ["--model.schedule=constant", "--model.warmup_steps=20", "--data.workers=0"]
    config = next(path for path in CONFIGS if path.stem == name)
    code, out, err = command("fit", "-c", config, *SMALL, *stop, *limits, *options, *LEARN[name])
    assert code == 0, err
    scores = read_metadata(Path(f"runs/{name}/best.safetensors"))["scores"]
    wanted = {"validation/cer": 0.0} if "validation/cer" in scores else {}
    for score in ("validation/accuracy", "validation/frame_accuracy"):
        wanted |= {score: 100.0} if score in scores else {}
    assert wanted and wanted.items() <= scores.items(), out.splitlines()[-5:]
