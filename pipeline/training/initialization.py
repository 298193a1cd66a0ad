"""--init_from: start a network from a bundle's weights, also for another task on the same input."""

from typing import NamedTuple

import torch

from models import SequenceModel
from models.heads.ctc import CTCHead
from models.heads.labels import Head

from ..reading.bundle import Bundle, load_weights
from .alphabets import nearest_known, spell_out

# what a new character's logit lacks beside the one that it starts from, which goes on being read
# until the data say otherwise; on Fraktur lines the first loss of all is then the lowest
HANDICAP = 1.0


class Rows(NamedTuple):
    """What became of a head's labels. added: each new one, and the old one that it starts from."""

    kept: list[str]
    added: dict[str, str | None]
    dropped: list[str]


def initialize_from(model: SequenceModel, labels: list[str], bundle: Bundle) -> str:
    """Copy the bundle's weights into the network -> what was kept, in words.

    With the same kind of head and the same labels all of them. Otherwise the encoder and the
    recurrent stack with their running statistics, and those rows of the head whose labels both
    have: a network that was warmed up on words per frame goes on with the same words in a CTC
    head, say. Of two CTC heads the blank is kept too, and a new character starts as the one that
    it looks like. What is no part of the network stays behind, and that is said.
    Raises ValueError if the parts do not fit.
    """
    weights = bundle.model.state_dict()
    same = type(bundle.model.head) is type(model.head) and bundle.labels == labels
    if same:
        load_weights(model, weights, "--init_from")
        return f"--init_from: all weights, {len(labels)} labels" + describe_dropped(bundle)
    own_head = {k: w for k, w in model.state_dict().items() if k.startswith("head.")}
    body = {k: w for k, w in weights.items() if not k.startswith("head.")}
    load_weights(model, body | own_head, "--init_from")
    rows = copy_rows(model.head, labels, bundle.model.head, bundle.labels)
    return describe_rows(rows) + describe_dropped(bundle)


def describe_dropped(bundle: Bundle) -> str:
    """A line on what a bundle has beside its weights, and how to get it again; or nothing."""
    search, told = bundle.decoder, []
    if search is not None:
        parts = ["language model"] * (search.language_model is not None)
        what = " and ".join(parts + ["lexicon"] * bool(search.lexicon)) or "beam search"
        told.append(f"its {what} does not come along: run language_model again")
    if search is not None or bundle.calibration.strings:
        told.append("its calibration is fitted anew")
    return f"\n  {'; '.join(told)}" if told else ""


def copy_rows(head: Head, labels: list[str], given: Head, given_labels: list[str]) -> Rows:
    """Rows of the last layer by label; none if the layers' inputs differ in size."""
    if given.linear.in_features != head.linear.in_features:
        return Rows([], dict.fromkeys(labels), list(given_labels))
    places = {label: place for place, label in enumerate(given_labels)}
    added: dict[str, str | None] = dict.fromkeys(label for label in labels if label not in places)
    kept = [label for label in labels if label in places]
    rows = [(labels.index(label), places[label], 0.0) for label in kept]
    if isinstance(head, CTCHead) and isinstance(given, CTCHead):
        rows.append((head.blank, given.blank, 0.0))
        added = {label: nearest_known(label, places) for label in added}
        rows += [(labels.index(new), places[old], HANDICAP) for new, old in added.items() if old]
    with torch.no_grad():
        for into, out_of, lower in rows:
            head.linear.weight[into] = given.linear.weight[out_of]
            head.linear.bias[into] = given.linear.bias[out_of] - lower
    return Rows(kept, added, [label for label in given_labels if label not in labels])


def describe_rows(rows: Rows) -> str:
    """One line for the counts, then one each for the labels kept, added and dropped, whole."""
    added = [f"{spell_out([new])} {f'(from {old})' if old else '(anew)'}"
             for new, old in rows.added.items()]  # fmt: skip
    return (
        f"--init_from: encoder and recurrent stack; of the head {len(rows.kept)} labels kept, "
        f"{len(rows.added)} new, {len(rows.dropped)} dropped\n"
        f"  kept: {spell_out(rows.kept)}\n"
        f"  new: {', '.join(added) or 'none'}\n"
        f"  dropped: {spell_out(rows.dropped)}"
    )
