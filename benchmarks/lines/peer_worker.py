"""Another reader of lines or pages in a process, and a Python, of its own: `python peer_worker.py
KIND ...`.

Requests and answers are lines of JSON on stdin and stdout. {"open": [path, ...]} decodes images
into memory; {"read": count, "batch": size or null} reads the first `count` of them, or all, and
answers with the texts and the seconds that this took. The text of a page is a list of its lines in
reading order: pairs of a polygon and a text. It knows nothing of ours.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence


def rapidocr_reader(threads: int) -> tuple[str, Callable, Callable]:
    """Recognition only, by ONNX Runtime -> its name, decode(path), read(images, batch)."""
    from importlib.metadata import version

    import cv2
    from rapidocr import RapidOCR
    from rapidocr.ch_ppocr_rec.typings import TextRecInput

    engine = "EngineConfig.onnxruntime"
    options = {f"{engine}.intra_op_num_threads": threads, f"{engine}.inter_op_num_threads": 1}
    recognizer = RapidOCR(params=options | {"Global.log_level": "error"})._load_rec_model()

    def read(images: Sequence, batch: int) -> list[str]:
        recognizer.rec_batch_num = batch
        return [text or "" for text in recognizer(TextRecInput(img=list(images))).txts]

    return f"RapidOCR {version('rapidocr')}", lambda path: cv2.imread(path, cv2.IMREAD_COLOR), read


def tesseract_reader(language: str, tessdata: str) -> tuple[str, Callable, Callable]:
    """Tesseract's library, one line of text an image (`--psm 7`), its own number of threads."""
    import tesserocr
    from PIL import Image

    api = tesserocr.PyTessBaseAPI(path=tessdata, lang=language, psm=tesserocr.PSM.SINGLE_LINE)

    def decode(path: str) -> Image.Image:
        image = Image.open(path)
        image.load()
        return image

    def read(images: Sequence, batch: int | None) -> list[str]:
        texts = []
        for image in images:
            api.SetImage(image)
            texts.append(" ".join(api.GetUTF8Text().split()))
        return texts

    said = tesserocr.tesseract_version().split()[1]
    return f"Tesseract {said} {language}", decode, read


def rapidocr_page_reader(threads: int) -> tuple[str, Callable, Callable]:
    """RapidOCR whole, with its defaults: detection, direction of each line, recognition."""
    from importlib.metadata import version

    import cv2
    from rapidocr import RapidOCR

    engine = "EngineConfig.onnxruntime"
    options = {f"{engine}.intra_op_num_threads": threads, f"{engine}.inter_op_num_threads": 1}
    reader = RapidOCR(params=options | {"Global.log_level": "error"})

    def read_page(image) -> list:
        found = reader(image)
        if found.txts is None:
            return []
        boxes = found.boxes.tolist()
        return [[box, text] for box, text in zip(boxes, found.txts, strict=True)]

    def read(images: Sequence, batch: int | None) -> list[list]:
        return [read_page(image) for image in images]

    return f"RapidOCR {version('rapidocr')}", lambda path: cv2.imread(path, cv2.IMREAD_COLOR), read


def tesseract_page_reader(language: str, tessdata: str) -> tuple[str, Callable, Callable]:
    """Tesseract's library on whole pages (`--psm 3`), its own number of threads."""
    import tesserocr

    name, decode, _ = tesseract_reader(language, tessdata)
    api = tesserocr.PyTessBaseAPI(path=tessdata, lang=language, psm=tesserocr.PSM.AUTO)
    level = tesserocr.RIL.TEXTLINE

    def read_page(image) -> list:
        api.SetImage(image)
        if not api.Recognize():
            return []
        lines = []
        for line in tesserocr.iterate_level(api.GetIterator(), level):
            box = None if line.Empty(level) else line.BoundingBox(level)
            if box is not None:
                left, top, right, bottom = box
                polygon = [[left, top], [right, top], [right, bottom], [left, bottom]]
                lines.append([polygon, " ".join(line.GetUTF8Text(level).split())])
        return lines

    def read(images: Sequence, batch: int | None) -> list[list]:
        return [read_page(image) for image in images]

    return name, decode, read


READERS = {
    "rapidocr": rapidocr_reader,
    "rapidocr_pages": rapidocr_page_reader,
    "tesseract": tesseract_reader,
    "tesseract_pages": tesseract_page_reader,
}


def serve(name: str, decode: Callable, read: Callable, answers: int) -> None:
    def answer(content: dict) -> None:
        os.write(answers, (json.dumps(content) + "\n").encode())

    answer({"name": name})
    images: list = []
    for line in sys.stdin:
        request = json.loads(line)
        if "open" in request:
            images = [decode(path) for path in request["open"]]
            answer({"opened": len(images)})
            continue
        start = time.perf_counter()
        texts = read(images[: request["read"]], request["batch"])
        answer({"seconds": time.perf_counter() - start, "texts": texts})


if __name__ == "__main__":
    pipe = os.dup(1)
    os.dup2(2, 1)  # what the libraries print is no answer
    kind, *arguments = sys.argv[1:]
    serve(*READERS[kind](*(int(a) if a.isdigit() else a for a in arguments)), pipe)
