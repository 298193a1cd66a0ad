"""Initialization from a bundle's weights (`--init_from`), also for other labels or another head."""

from typing import NamedTuple

import torch

from models import SequenceModel
from models.heads.ctc import CTCHead
from models.heads.labels import Head

from ...reading.bundle import Bundle, load_weights
from .alphabets import nearest_known, spell_out
from .growth import grow

# subtracted from the bias of a new character, so that the look-alike it is copied from is still
# read until the data say otherwise; on Fraktur lines this value gives the lowest initial loss
HANDICAP = 1.0


class LabelTransfer(NamedTuple):
    """How the rows of a head were initialized. added: each new label -> the label that its row is
    copied from, or None.
    """

    kept: list[str]
    added: dict[str, str | None]
    dropped: list[str]


def initialize_from(model: SequenceModel, labels: list[str], bundle: Bundle) -> list[str]:
    """Copy a bundle's weights into the network and return a summary of what was copied, by lines.

    With the same kind of head and the same labels, all weights are copied. Otherwise the encoder
    and the recurrent stack with their running statistics, and the rows of the head whose labels
    both have; so a CTC head can start from a head trained on the same words per frame. Between two
    CTC heads the blank is copied too, and a new character starts as a copy of its look-alike.
    A larger network of the same kind starts as the bundle's, see `grow`.
    Decoder and calibration are not copied, which the summary says.
    Raises ValueError if the parts do not fit.
    """
    given = grow(bundle.model, model)
    notes = describe_left_out(bundle)
    if given is not bundle.model:
        sizes = [sum(weight.numel() for weight in m.parameters()) for m in (bundle.model, given)]
        notes.append("  the network grows from {:,} to {:,} weights".format(*sizes))
    weights = given.state_dict()
    if type(given.head) is type(model.head) and bundle.labels == labels:
        load_weights(model, weights, "--init_from")
        return [f"--init_from: all weights, {len(labels)} labels", *notes]
    own_head = {k: w for k, w in model.state_dict().items() if k.startswith("head.")}
    body = {k: w for k, w in weights.items() if not k.startswith("head.")}
    load_weights(model, body | own_head, "--init_from")
    transfer = copy_rows(model.head, labels, given.head, bundle.labels)
    return describe_transfer(transfer) + notes


def describe_left_out(bundle: Bundle) -> list[str]:
    """A line on the parts of a bundle that are not copied and how to make them anew, or none."""
    search, notes = bundle.decoder, []
    if search is not None:
        parts = ["language model"] * (search.language_model is not None)
        what = " and ".join(parts + ["lexicon"] * bool(search.lexicon)) or "beam search"
        notes.append(f"its {what} does not come along: run language_model again")
    if search is not None or bundle.calibration.strings:
        notes.append("its calibration is fitted anew")
    return [f"  {'; '.join(notes)}"] if notes else []


def copy_rows(head: Head, labels: list[str], given: Head, given_labels: list[str]) -> LabelTransfer:
    """Copy rows of the given head's linear layer by label; none if the layers' inputs differ in
    size.
    """
    if given.linear.in_features != head.linear.in_features:
        return LabelTransfer([], dict.fromkeys(labels), list(given_labels))
    rows = {label: row for row, label in enumerate(given_labels)}
    kept = [label for label in labels if label in rows]
    added: dict[str, str | None] = dict.fromkeys(label for label in labels if label not in rows)
    copies = [(labels.index(label), rows[label], 0.0) for label in kept]
    if isinstance(head, CTCHead) and isinstance(given, CTCHead):
        copies.append((head.blank, given.blank, 0.0))
        added = {label: nearest_known(label, rows) for label in added}
        copies += [(labels.index(new), rows[old], HANDICAP) for new, old in added.items() if old]
    with torch.no_grad():
        for row, given_row, handicap in copies:
            head.linear.weight[row] = given.linear.weight[given_row]
            head.linear.bias[row] = given.linear.bias[given_row] - handicap
    return LabelTransfer(kept, added, [label for label in given_labels if label not in labels])


def describe_transfer(transfer: LabelTransfer) -> list[str]:
    """One line with the counts, then one each with all labels kept, added and dropped."""
    added = [f"{spell_out([new])} {f'(from {old})' if old else '(anew)'}"
             for new, old in transfer.added.items()]  # fmt: skip
    return [
        f"--init_from: encoder and recurrent stack; of the head {len(transfer.kept)} labels kept, "
        f"{len(transfer.added)} new, {len(transfer.dropped)} dropped",
        f"  kept: {spell_out(transfer.kept)}",
        f"  new: {', '.join(added) or 'none'}",
        f"  dropped: {spell_out(transfer.dropped)}",
    ]
