"""Conversion of decoded frames to the pixels that a model reads: size, colour and orientation.

All but the orientation is done by swscale, with three essential flags: area averaging (OpenCV's
INTER_AREA, at a tenth of its cost), accurate rounding (without it a phone's video comes out one
level too bright) and full chroma resolution (without it scaling RGB loses colour).
"""

import math
from typing import Literal

import cv2
import numpy as np

BT601 = 5  # swscale's code; used for input and output, so that brightness is only scaled
# swscale's fast conversion of these to planar RGB leaves the columns after the last multiple of 16
# unset, and does not exist for odd heights
PLANAR_FORMATS, PLANAR_COLUMNS = ("yuv420p", "yuvj420p"), 16


class PixelConverter:
    """Frames of any size and format -> (C, height, width) uint8, a new array each time.

    Colours are those of OpenCV's decoder (unlabelled videos are BT.601 of limited range); grey is
    the luma of the video. Both span the full range 0 to 255. Transparency is dropped.

    Args:
        height, width: pixels, as shown: after the video's rotation.
        orientation: as `orientation_of` returns it.
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
        self.convert = self._grey if channels == 1 else self._rgb
        # reused: initialising swscale costs more than converting a small image
        self.colours, self.scaler = VideoReformatter(), VideoReformatter()
        chroma = Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
        exact = int(Interpolation.ACCURATE_RND | chroma)
        self.shrink = exact | int(Interpolation.AREA)
        self.enlarge = exact | int(Interpolation.BILINEAR)
        self.unscaled = int(Interpolation.BICUBIC)  # chroma upsampling as in OpenCV

    def __call__(self, frame) -> np.ndarray:
        """An av.VideoFrame -> (C, height, width) uint8."""
        if self.upright:
            return self.convert(frame, self.height, self.width)
        if self.transposed:
            pixels = self.convert(frame, self.width, self.height).transpose(0, 2, 1)
        else:
            pixels = self.convert(frame, self.height, self.width)
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
        layout = "gbrp" if planar else "bgr24"  # rgb24 differs in the last bits
        converted = self.colours.reformat(
            frame, format=layout, interpolation=self.unscaled, threads=1
        )
        if planar:
            return stack_planes(converted)
        if not (same or halved):
            return stack_planes(self._scaled(converted, height, width, "gbrp"))
        # contiguous first: cv2.split is up to 100 times slower on padded rows
        bgr = np.ascontiguousarray(rows(converted.planes[0], frame.height, 3 * frame.width))
        bgr = bgr.reshape(frame.height, frame.width, 3)
        if halved:  # the only scale at which OpenCV is much faster
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


def stack_planes(frame) -> np.ndarray:
    """A frame with the planes green, blue, red -> (3, height, width) uint8: red, green, blue."""
    green, blue, red = frame.planes
    return np.stack([rows(plane, frame.height, frame.width) for plane in (red, green, blue)])


def rows(plane, height: int, width: int) -> np.ndarray:
    """A view of a plane, (height, width) uint8, without the padding of its rows."""
    return np.ndarray((height, width), np.uint8, plane, 0, (plane.line_size, 1))


def orientation_of(frame) -> tuple[bool, bool, bool]:
    """How to orient a video's frames: (transpose, then flip vertically, then horizontally).

    Raises ValueError for a rotation that is not a multiple of 90 degrees.
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
