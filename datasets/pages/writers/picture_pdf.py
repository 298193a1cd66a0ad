"""A PDF whose pages are pictures, written page by page: no more than one is in memory.

A library of PDF keeps what it is given until it saves; two hundred scans would not fit.
"""

import io
import zlib
from typing import BinaryIO

from .pictures import Picture

MAX_SIDE = 14_400  # units of a page; viewers show no larger ones
SPACES = {1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}
# where the unit square of a picture as stored lies on its upright page, by EXIF's orientation
UPRIGHT = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}


def upright_size(picture: Picture) -> tuple[int, int]:
    """Return width and height in pixels as the page shows them."""
    width, height = picture.size
    return (height, width) if picture.orientation > 4 else (width, height)


def page_size(picture: Picture) -> tuple[float, float]:
    """Return width and height of the page, by the resolution of the picture, in 1/72 inch."""
    across, down = picture.dpi[::-1] if picture.orientation > 4 else picture.dpi
    width, height = upright_size(picture)
    width, height = 72 * width / across, 72 * height / down
    scale = min(1, MAX_SIDE / max(width, height))
    return width * scale, height * scale


class PicturePdf:
    """Write pages to a binary file as they are added; `finish` makes the PDF of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._offsets = file, [0, 0]  # objects 1 and 2 are written last
        self._pages: list[int] = []
        self._profiles: dict[bytes, int] = {}
        self._write(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")

    def _write(self, data: bytes) -> None:
        self._file.write(data)

    def _add(self, body: str, stream: bytes | None = None, number: int | None = None) -> int:
        """Write an object, and return its number."""
        if number is None:
            self._offsets.append(0)
            number = len(self._offsets)
        self._offsets[number - 1] = self._file.tell()
        if stream is not None:
            body = f"<< {body} /Length {len(stream)} >>"
        self._write(f"{number} 0 obj\n{body}\n".encode("ascii"))
        if stream is not None:
            self._write(b"stream\n")
            self._write(stream)
            self._write(b"\nendstream\n")
        self._write(b"endobj\n")
        return number

    def add(self, picture: Picture) -> None:
        """Add a page with a picture that fills it."""
        width, height = picture.size
        image = self._add(
            f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace "
            f"{self._colours(picture)} /BitsPerComponent {picture.bits} {picture.encoding}",
            picture.data,
        )
        wide, high = page_size(picture)
        a, b, c, d, e, f = UPRIGHT[picture.orientation]
        place = " ".join(
            f"{v:.5f}" for v in (a * wide, b * high, c * wide, d * high, e * wide, f * high)
        )
        content = self._add("", f"q {place} cm /Picture Do Q\n".encode("ascii"))
        self._pages.append(
            self._add(
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {wide:.5f} {high:.5f}] /Contents "
                f"{content} 0 R /Resources << /XObject << /Picture {image} 0 R >> >> >>"
            )
        )

    def _colours(self, picture: Picture) -> str:
        if not picture.profile:
            return SPACES[picture.channels]
        if picture.profile not in self._profiles:
            entries = f"/N {picture.channels} /Filter /FlateDecode"
            self._profiles[picture.profile] = self._add(entries, zlib.compress(picture.profile))
        return f"[/ICCBased {self._profiles[picture.profile]} 0 R]"

    def finish(self) -> None:
        """Write what refers to the pages."""
        kids = " ".join(f"{page} 0 R" for page in self._pages)
        self._add(f"<< /Type /Pages /Kids [{kids}] /Count {len(self._pages)} >>", number=2)
        self._add("<< /Type /Catalog /Pages 2 0 R >>", number=1)
        start, table = self._file.tell(), io.BytesIO()
        table.write(f"xref\n0 {len(self._offsets) + 1}\n0000000000 65535 f \n".encode("ascii"))
        table.writelines(f"{offset:010} 00000 n \n".encode("ascii") for offset in self._offsets)
        size = len(self._offsets) + 1
        end = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
        self._write(table.getvalue() + end.encode("ascii"))
