"""A decoded picture -> the pixels that a model reads: one size, grey or RGB, the right way up.

Everything but the turning is swscale's, with three of its switches that matter: area averaging
(what OpenCV calls INTER_AREA, at a tenth of its cost), exact rounding (without it a phone's film
comes out one level too bright) and chroma at full width (without it scaling RGB loses colour).
"""

import math
from typing import Literal

import cv2
import numpy as np

BT601 = 5  # swscale's number; the same for both sides: brightness is only scaled
# swscale's quick way from these to planes of RGB leaves the columns behind the last full 16 unset,
# and there is none for an odd height
PLANAR_FORMATS, PLANAR_COLUMNS = ("yuv420p", "yuvj420p"), 16


class PixelConverter:
    """Pictures of any size and format -> (C, height, width) uint8, an array of its own each time.

    Colours are those of OpenCV's decoder (unlabelled films are BT.601 of limited range); grey is
    the luma of the film. Both span the full range 0 to 255. Transparency is dropped.

    Args:
        height, width: pixels, as shown: after the film's rotation.
        orientation: what `orientation_of` says of the film.
    """

    def __init__(
        self,
        height: int,
        width: int,
        channels: Literal[1, 3],
        orientation: tuple[bool, bool, bool] = (False, False, False),
    ):
        from av.video.reformatter import Interpolation, VideoReformatter

        self.height, self.width, self.channels = height, width, channels
        self.transposed, self.upside_down, self.mirrored = orientation
        self.upright = not any(orientation)
        self.picture = self._grey if channels == 1 else self._rgb
        # reused: setting swscale up costs more than converting a small picture
        self.colours, self.scaler = VideoReformatter(), VideoReformatter()
        chroma = Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
        exact = int(Interpolation.ACCURATE_RND | chroma)
        self.shrink = exact | int(Interpolation.AREA)
        self.enlarge = exact | int(Interpolation.BILINEAR)
        self.unscaled = int(Interpolation.BICUBIC)  # as OpenCV does: it says how chroma grows

    def __call__(self, frame) -> np.ndarray:
        """An av.VideoFrame -> (C, height, width) uint8."""
        if self.upright:
            return self.picture(frame, self.height, self.width)
        if self.transposed:
            pixels = self.picture(frame, self.width, self.height).transpose(0, 2, 1)
        else:
            pixels = self.picture(frame, self.height, self.width)
        pixels = pixels[:, :: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]
        return np.ascontiguousarray(pixels)

    def _grey(self, frame, height: int, width: int) -> np.ndarray:
        grey = self._scaled(frame, height, width, "gray")
        return rows(grey.planes[0], height, width)[None].copy()

    def _rgb(self, frame, height: int, width: int) -> np.ndarray:
        same = frame.height == height and frame.width == width
        halved = frame.height == 2 * height and frame.width == 2 * width
        planar = same and width % PLANAR_COLUMNS == 0 and height % 2 == 0
        planar = planar and frame.format.name in PLANAR_FORMATS
        layout = "gbrp" if planar else "bgr24"  # not rgb24, whose last bits are others
        found = self.colours.reformat(frame, format=layout, interpolation=self.unscaled, threads=1)
        if planar:
            return stacked(found)
        if not (same or halved):
            return stacked(self._scaled(found, height, width, "gbrp"))
        # rows without padding first: cv2.split takes up to 100 times as long over padded ones
        bgr = np.ascontiguousarray(rows(found.planes[0], frame.height, 3 * frame.width))
        bgr = bgr.reshape(frame.height, frame.width, 3)
        if halved:  # the one scale at which OpenCV is the quicker, by far
            bgr = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA)
        pixels = np.empty((3, height, width), np.uint8)
        cv2.split(bgr, [pixels[2], pixels[1], pixels[0]])
        return pixels

    def _scaled(self, frame, height: int, width: int, layout: str):
        smaller = height <= frame.height and width <= frame.width
        return self.scaler.reformat(
            frame,
            width,
            height,
            format=layout,
            src_colorspace=BT601,
            dst_colorspace=BT601,
            interpolation=self.shrink if smaller else self.enlarge,
            threads=1,
        )


def stacked(frame) -> np.ndarray:
    """A picture in the planes green, blue, red -> (3, height, width) uint8: red, green, blue."""
    green, blue, red = frame.planes
    height, width = frame.height, frame.width
    pixels = np.empty((3, height, width), np.uint8)
    pixels[0] = rows(red, height, width)
    pixels[1] = rows(green, height, width)
    pixels[2] = rows(blue, height, width)
    return pixels


def rows(plane, height: int, width: int) -> np.ndarray:
    """A view of a plane, (height, width) uint8, without the padding behind its rows."""
    return np.ndarray((height, width), np.uint8, plane, 0, (plane.line_size, 1))


def orientation_of(frame) -> tuple[bool, bool, bool]:
    """How to show a film's pictures: (rows become columns, then upside down, then mirrored).

    Raises ValueError for a film that is not to be shown in quarter turns.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    # x' = a x + c y, y' = b x + d y (ISO 14496-12, the track header's matrix)
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5]
    if (a or d) and (b or c):
        degrees = round(math.degrees(math.atan2(-b, a)))
        raise ValueError(f"is to be shown turned by {degrees} degrees")
    return (bool(b), bool(b < 0), bool(c < 0)) if b else (False, bool(d < 0), bool(a < 0))
