"""Open image files with Pillow, which reads headers and frames that OpenCV does not."""

import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def open_image(file: Path | str | IO[bytes]) -> "Image":
    """Open an image without decoding it. Raises what Pillow raises for a damaged one.

    Pillow's own bound of pixels is lifted: the user's is --max_pixels.
    """
    from PIL import Image  # imported here for start-up time

    Image.MAX_IMAGE_PIXELS = None
    # of damaged EXIF; not catch_warnings, which threads must not share
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Image.open(file)
