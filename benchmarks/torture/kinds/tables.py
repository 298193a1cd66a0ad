"""Tables of lines and reviews, archives of reviews, and databases of lines."""

import gzip
import io
import tarfile
from pathlib import Path

import cv2
import lmdb

from datasets import LineFolder
from datasets.lines import lmdb as databases
from datasets.lines.listing import read_lines
from datasets.lines.reader import load_line
from datasets.text.files import find_reviews
from tests.support.images import noise_line

from . import Kind

REVIEWS = b"text,label,group\n" + b"".join(
    b'"a %s film, %d",%s,g%d\n' % (word, n, word, n // 2)
    for n, word in enumerate([b"good", b"bad"] * 4)
)
LINES = [
    b'1.png\tabc\tg\n2.png\t"b c"\tg\n', b'file,text\n1.png,abc\n2.png,"b, c"\n',
]  # fmt: skip
RECORDS = 3  # of a database


def read_line_table(path: Path) -> None:
    read_lines(LineFolder(str(path)))


def read_reviews(path: Path) -> None:
    for _ in find_reviews(str(path)).rows("train"):
        pass


def archive(_: Path) -> list[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for number in range(4):
            name = f"aclImdb/train/{('neg', 'pos')[number % 2]}/{number}_1.txt"
            content = b"a film, number %d" % number
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    plain = gzip.decompress(buffer.getvalue())
    return [buffer.getvalue(), gzip.compress(plain[: len(plain) // 2])]


def database(folder: Path) -> list[bytes]:
    with lmdb.open(str(folder / "seed"), map_size=1 << 20) as base, base.begin(write=True) as edit:
        for number in range(1, RECORDS + 1):
            image = cv2.imencode(".png", noise_line(number))[1].tobytes()
            edit.put(b"image-%09d" % number, image)
            edit.put(b"label-%09d" % number, b"abc")
        edit.put(b"num-samples", str(RECORDS).encode())
    return [(folder / "seed/data.mdb").read_bytes()]


def read_database(path: Path) -> None:
    try:
        read_lines(LineFolder(str(path.parent)))
        for number in range(1, RECORDS + 1):
            load_line(f"{path.parent}#image-{number:09d}")
    finally:  # it would stay open as long as the process
        while databases._OPEN:
            databases._OPEN.popitem()[1].close()


KINDS = {
    "line tables": Kind("/labels.tsv", lambda _: LINES, (read_line_table,)),
    "review tables": Kind(".csv", lambda _: [REVIEWS], (read_reviews,)),
    "archives": Kind(".tar.gz", archive, (read_reviews,)),
    "LMDB": Kind("/data.mdb", database, (read_database,)),
}
