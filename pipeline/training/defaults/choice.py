"""Choose what a config leaves open: from the bundle of `--init_from`, else the task's network."""

from typing import NamedTuple

from ...reading.bundle import Bundle, part_spec
from ...reading.bundle_files import find_bundle
from ...reading.bundle_schema import read_metadata
from .given_options import class_name
from .networks import NETWORKS, SPEECH, Task, part, task_of

# parts of a network in a config, and the constructor arguments that the data or the part before
# decide
PARTS = {"encoder": {"input_size"}, "recurrent": {"input_size"},
         "head": {"input_size", "num_labels"}, "wide": {"input_size", "num_labels"}}  # fmt: skip
REQUIRED = ("encoder", "recurrent", "head")
# options of datasets.Reviews that choose a vocabulary
VOCABULARY = {"vocabulary", "vocabulary_size", "min_count", "ngram_size", "ngram_min_count",
              "tokenizer", "ngrams"}  # fmt: skip
# from a bundle's weights: peak learning rate, and passes over the data
FINE_TUNING = {"model.learning_rate": 1.0e-3, "trainer.max_epochs": 10}
PRECISION = "bf16-mixed"  # float32 where the machine has no bfloat16
LIMITS = ("max_epochs", "max_steps", "max_time")


class Defaults(NamedTuple):
    """Values of config keys that take the place of what the config does not name.

    note: what was chosen, to print; empty if the config names all of the network.
    """

    values: dict
    note: str = ""


def choose_defaults(given: dict) -> Defaults:
    """The network for what a config leaves open, of `given_options`.

    Parts that the config names are its own, whole: a default never adds an option to them. With
    `init_from` the parts are the bundle's, if it reads what the source gives; a head of another
    kind than the data needs, and without `init_from` every part, is the task's.
    Raises FileNotFoundError or ValueError for a bundle that cannot be read.
    """
    model, data = given.get("model") or {}, given.get("data") or {}
    task = task_of(data.get("source")) if isinstance(data, dict) else None
    if task is None or not isinstance(model, dict):
        return Defaults({})
    open_parts = [name for name in REQUIRED if not class_name(model.get(name))]
    if not open_parts:
        return Defaults({})
    start = given.get("init_from")
    own = bundle_parts(start, task) if isinstance(start, str) else {}
    values = {"trainer.precision": PRECISION} | NETWORKS[task] | own
    if "model.encoder" in own:
        values |= FINE_TUNING
    if len(open_parts) < len(REQUIRED):  # the config is on its way: fill its gaps, nothing else
        values = {key: values[key] for key in (f"model.{name}" for name in open_parts)}
    elif any(limit in (given.get("trainer") or {}) for limit in LIMITS):
        del values["trainer.max_epochs"]
    return Defaults(values, describe(values, own, task, start))


def bundle_parts(start: str, task: Task) -> dict:
    """The parts of a bundle as defaults of a config; none if it reads something else."""
    metadata = read_metadata(find_bundle(start))
    if metadata["reader"]["class"] != task.reads:
        return {}
    parts = {}
    for name, sizes in PARTS.items():
        spec = metadata["parts"].get(name)
        if spec is None or (name == "head" and spec["class"] not in task.heads):
            continue
        if name == "wide" and "SequenceClassificationHead" not in task.heads:
            continue
        options = {k: v for k, v in spec["options"].items() if k not in sizes}
        parts[f"model.{name}"] = part(spec["class"], **options)
    return parts


def describe(values: dict, own: dict, task: Task, start: object) -> str:
    """One line: the parts chosen and where they come from."""
    names = {True: [], False: []}
    for name in PARTS:
        key = f"model.{name}"
        if key in values:
            names[key in own].append(class_name(values[key]))
    parts = []
    if names[True]:
        parts.append(f"{', '.join(names[True])} of {start}")
    if names[False]:
        parts.append(f"{', '.join(names[False])}, the default for {task.name}")
    epochs = values.get("trainer.max_epochs")
    return f"network: {'; '.join(parts)}" + (f"; {epochs} epochs at most" if epochs else "")


def take_reader_options(source, given: object, bundle: Bundle, path: str) -> None:
    """Set the options of a bundle's reader in a parsed source, or each that it mixes, in place.

    given: the same source of `given_options`; what it names stays. path: of the bundle, from which
    a source of texts takes the vocabulary unless the config says how to choose one. A source that
    another reader reads stays as it is.
    """
    options, named = source.get("init_args", {}), given if isinstance(given, dict) else {}
    inner = named.get("sources")
    for one, one_given in zip(options.get("sources", []), inner or [], strict=False):
        take_reader_options(one, one_given, bundle, path)
    reader, task = part_spec(bundle.reader), task_of(given)
    if task is None or task.reads != reader["class"]:
        return
    taken = dict(reader["options"])
    if not named.keys() & VOCABULARY:
        taken["vocabulary"] = path
    if task == SPEECH and any(len(label) > 1 for label in bundle.labels):
        taken["unit"] = "words"
    for name in (options.keys() & taken.keys()) - named.keys():
        options[name] = taken[name]
