"""--init_from: start a network from a bundle's weights, also for another task on the same input."""

import torch

from models import SequenceModel
from models.heads import Head

from .bundle import Bundle, load_weights


def start_from(model: SequenceModel, labels: list[str], bundle: Bundle) -> str:
    """Copy the bundle's weights into the network -> what was kept, in words.

    With the same kind of head and the same labels all of them. Otherwise the encoder and the
    recurrent stack, and those rows of the head whose labels both have: a network that was warmed
    up on words per frame goes on with the same words in a CTC head, say.
    Raises ValueError if the parts do not fit.
    """
    weights = bundle.model.state_dict()
    same = type(bundle.model.head) is type(model.head) and bundle.labels == labels
    if same:
        load_weights(model, weights, "--init_from")
        return f"--init_from: all weights, {len(labels)} labels"
    own_head = {k: w for k, w in model.state_dict().items() if k.startswith("head.")}
    body = {k: w for k, w in weights.items() if not k.startswith("head.")}
    load_weights(model, body | own_head, "--init_from")
    kept = copy_rows(model.head, labels, bundle.model.head, bundle.labels)
    dropped = len(set(bundle.labels) - set(labels))
    return (
        f"--init_from: encoder and recurrent stack; of the head {kept} labels kept, "
        f"{len(labels) - kept} new, {dropped} dropped"
    )


def copy_rows(head: Head, labels: list[str], given: Head, given_labels: list[str]) -> int:
    """Rows of the last layer by label -> how many; none if the layers' inputs differ in size."""
    if given.linear.in_features != head.linear.in_features:
        return 0
    places = {label: place for place, label in enumerate(given_labels)}
    pairs = [(i, places[label]) for i, label in enumerate(labels) if label in places]
    if pairs:
        into, out_of = map(list, zip(*pairs, strict=True))
        with torch.no_grad():
            head.linear.weight[into] = given.linear.weight[out_of].to(head.linear.weight)
            head.linear.bias[into] = given.linear.bias[out_of].to(head.linear.bias)
    return len(pairs)
