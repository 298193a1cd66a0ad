"""The network of each task for configs that name none, in sizes that a laptop trains."""

from typing import NamedTuple

from .given_options import class_name


class Task(NamedTuple):
    """What a source's samples are. reads: class of its reader. heads: names of those that fit it,
    the default first.
    """

    name: str
    reads: str
    heads: tuple[str, ...]


LINES = Task("lines", "LineReader", ("CTCHead",))
REVIEWS = Task("texts", "TextReader", ("SequenceClassificationHead",))
TAGS = Task("tagged texts", "TextReader", ("TokenClassificationHead",))
CLIPS = Task("clips", "ClipReader", ("SequenceClassificationHead",))
STEPS = Task("clips with steps", "ClipReader", ("TokenClassificationHead", "RefinedTokenHead"))
SEVERAL = Task("clips with several labels a step", "ClipReader", ("TokenClassificationHead",))
SPEECH = Task("clips with texts", "ClipReader", ("CTCHead",))

TASKS = {
    "RealLines": LINES,
    "SyntheticLines": LINES,
    "Reviews": REVIEWS,
    "SyntheticReviews": REVIEWS,
    "SyntheticTags": TAGS,
    "SyntheticClips": CLIPS,
    "SyntheticEvents": STEPS,
}
TARGETS = {"clip": CLIPS, "steps": STEPS, "text": SPEECH}  # of datasets.Clips


def part(name: str, **options) -> dict:
    path = name if "." in name else f"models.{name}"
    return {"class_path": path, "init_args": options}


FRAMES = part("FrameCNN", channels=[24, 48, 96], grid=3, difference=True, strided=True, dropout=0.2)
WORDS = part("TokenEmbedding", embedding_size=64, dropout=0.3, initial_scale=0.1)

# for each task: values of config keys
NETWORKS: dict[Task, dict] = {
    LINES: {
        "model.encoder": part("LineCNN", channels=[12, 24, 40, 56, 64]),
        "model.recurrent": part("RecurrentStack", hidden_size=96, num_layers=2, dropout=0.1),
        "model.head": part("CTCHead", dropout=0.1),
        "model.shortcut": part("CTCHead"),
        "model.learning_rate": 2.5e-3,
        "trainer.max_epochs": 30,
    },
    REVIEWS: {
        "model.encoder": WORDS,
        "model.recurrent": part("RecurrentStack", hidden_size=64),
        "model.head": part("SequenceClassificationHead", pooling="max", dropout=0.3),
        "model.learning_rate": 2.0e-3,
        "data.batch_size": 32,
        "trainer.max_epochs": 10,
    },
    TAGS: {
        "model.encoder": WORDS,
        "model.recurrent": part("RecurrentStack", hidden_size=64),
        "model.head": part("TokenClassificationHead"),
        "model.learning_rate": 3.0e-3,
        "data.batch_size": 32,
        "trainer.max_epochs": 10,
    },
    CLIPS: {
        "model.encoder": FRAMES,
        "model.recurrent": part("RecurrentStack", hidden_size=64),
        "model.head": part("SequenceClassificationHead", pooling="max_mean", dropout=0.3),
        "model.learning_rate": 2.0e-3,
        "data.batch_size": 8,
        "trainer.max_epochs": 60,
    },
    STEPS: {
        "model.encoder": FRAMES,
        "model.recurrent": part("RecurrentStack", hidden_size=64),
        "model.head": part("TokenClassificationHead", dropout=0.3, smoothing=0.15),
        "model.learning_rate": 2.0e-3,
        "data.batch_size": 4,
        "trainer.max_epochs": 60,
    },
    SPEECH: {
        "model.encoder": FRAMES,
        "model.recurrent": part("RecurrentStack", hidden_size=128, num_layers=2, dropout=0.3),
        "model.head": part("CTCHead", dropout=0.3),
        "model.learning_rate": 1.5e-3,
        "data.batch_size": 12,
        "trainer.max_epochs": 60,
    },
}

NETWORKS[SEVERAL] = NETWORKS[STEPS] | {
    "model.head": part("TokenClassificationHead", dropout=0.3, multi_label=True)
}


def task_of(source: object) -> Task | None:
    """The task of a source as it is given in a config; of a mixture, of its first source."""
    name = class_name(source)
    if name == "Mixture" and isinstance(source, dict):
        inner = source.get("sources")
        return task_of(inner[0]) if isinstance(inner, list) and inner else None
    if name == "Clips":
        target = source.get("target", "clip") if isinstance(source, dict) else "clip"
        several = isinstance(source, dict) and source.get("multi_label") is True
        if several and target == "steps":
            return SEVERAL
        return TARGETS.get(target if isinstance(target, str) else "")
    return TASKS.get(name)
