"""A part of an image, perhaps turned, and the way back to that image."""

from typing import NamedTuple

import numpy as np

WHOLE = np.eye(2, 3)


class Part(NamedTuple):
    """A part of an image.

    image: (H, W) uint8. place: (2, 3), the affine map from its points (x, y) to the image's.
    """

    image: np.ndarray
    place: np.ndarray = WHOLE

    def crop(self, left: int, top: int, right: int, bottom: int) -> "Part":
        """Return the part between these edges."""
        corner = map_points(self.place, np.array([[left, top]]))[0]
        place = np.column_stack([self.place[:, :2], corner])
        return Part(self.image[top:bottom, left:right], place)


def map_points(place: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return points (N, 2) as an affine map (2, 3) moves them."""
    return points @ place[:, :2].T + place[:, 2]
