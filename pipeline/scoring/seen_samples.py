"""The samples that a bundle has learned from, by the digests of their content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

Role = Literal["train", "language_model", "validation", "calibration"]
ROLES: tuple[Role, ...] = get_args(Role)  # a sample of several counts for the first of them


@dataclass(frozen=True)
class SeenSamples:
    """What a bundle was trained, chosen and calibrated on.

    digests: of each role, sorted and distinct (N,) uint64 (see `datasets.digests`). complete:
    whether these are all; not so if it started from a bundle that did not know its own.
    """

    digests: Mapping[Role, np.ndarray] = field(default_factory=dict)
    complete: bool = True

    def add(self, role: Role, digests: np.ndarray | None) -> "SeenSamples":
        """Return these samples and more of one role; None or UNKNOWN (0) adds nothing."""
        if digests is None:
            return self
        known = self.digests.get(role, np.zeros(0, np.uint64))
        joined = np.union1d(known, digests.astype(np.uint64))
        return replace(self, digests={**self.digests, role: joined[joined > 0]})

    def roles_of(self, digests: np.ndarray) -> list[Role | None]:
        """Return the role of each of N samples, None for one that is new."""
        roles: list[Role | None] = [None] * len(digests)
        for role in reversed(ROLES):
            for index in np.flatnonzero(np.isin(digests, self.digests.get(role, []))):
                roles[index] = role
        return roles


def count_roles(roles: Sequence[Role | None]) -> dict[Role, int]:
    """Return how many samples have each role, without the roles that none has."""
    return {role: roles.count(role) for role in ROLES if role in roles}
