"""Leaves the samples that a bundle has learned from out of its score."""

from collections.abc import Mapping, Sequence

from ..reading.bundle import Bundle
from ..scoring.seen_samples import Role, count_roles
from .labelled import LabelledData, describe_data

DID: Mapping[Role, str] = {  # what samples of a role did
    "train": "{were} in training",
    "language_model": "taught its language model",
    "validation": "chose its epoch",
    "calibration": "fitted its confidence",
}
OPTION = "--include_seen"


def roles_in(bundle: Bundle, data: LabelledData) -> list[Role | None]:
    """Return what each item was to a bundle; None for new ones, and if the bundle does not say."""
    digests = data.digests() if bundle.seen is not None and data.digests is not None else None
    if digests is None:
        return [None] * len(data.items)
    return bundle.seen.roles_of(digests)


def new_items(roles: Sequence[Sequence[Role | None]], options) -> list[int]:
    """Return the indices of the items to score, given their roles for each of some bundles.

    Without --include_seen no item that one has seen; but those of --split validation were asked
    for by their role, so that of them only those of its training are left out.
    """
    if options.include_seen:
        return list(range(len(roles[0])))
    refused = {"train"} if options.split == "validation" else set(DID)
    return [i for i, own in enumerate(zip(*roles, strict=True)) if refused.isdisjoint(own)]


def describe_seen(roles: Sequence[Role | None], scored: int, unit: str) -> list[str]:
    """Return a line on how many of the items were seen, and in what role; none if none was."""
    counts = count_roles(roles)
    if not counts:
        return []
    first, *more = describe_counts(counts)
    number, did = first.split(" ", 1)
    seen = ", ".join([f"{number} of these {len(roles):,} {unit} {did}", *more])
    kindly = "it would read new ones less well"
    left = len(roles) - sum(counts.values())
    if scored == len(roles):
        end = f"all are scored; {kindly}"
    elif scored == left:
        end = f"the other {scored:,} are scored" if scored > 1 else "the other one is scored"
    else:
        end = f"{scored:,} are scored; {kindly}"
    return [f"{seen}: {end}"]


def describe_counts(counts: Mapping[Role, int]) -> list[str]:
    """Return how many samples did what, such as "3 chose its epoch"."""
    return [
        f"{n:,} {DID[role].format(were='was' if n == 1 else 'were')}" for role, n in counts.items()
    ]


def leave_out_seen(
    bundle: Bundle, data: LabelledData, options
) -> tuple[LabelledData, list[str], int]:
    """Return the data to score, lines on what was seen, and how many items were.

    Raises ValueError if the bundle has seen them all.
    """
    roles = roles_in(bundle, data)
    kept = new_items([roles], options)
    check_any_new(roles, kept, data, options)
    lines = describe_seen(roles, len(kept), data.unit)
    return keep(data, kept), lines, sum(role is not None for role in roles)


def keep(data: LabelledData, kept: Sequence[int]) -> LabelledData:
    """Return these items of the data, which may be all."""
    return data if len(kept) == len(data.items) else data.select(kept)


def check_any_new(
    roles: Sequence[Role | None], kept: Sequence[int], data: LabelledData, options
) -> None:
    """Raise ValueError if nothing is left to score."""
    if not kept:
        counts = ", ".join(describe_counts(count_roles(roles)))
        raise ValueError(
            f"{describe_data(options)}: the bundle has seen all {len(roles):,} {data.unit} "
            f"({counts}); give new ones, or score these with {OPTION}"
        )


def describe_unknown(bundle: Bundle) -> str:
    """Return a note on what a bundle does not know to have seen; "" if it knows all."""
    if bundle.seen is None:
        return "the bundle does not say what it was trained on"
    return "" if bundle.seen.complete else "the bundle does not say what its start was trained on"
