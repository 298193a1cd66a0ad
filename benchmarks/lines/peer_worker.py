"""Another reader of lines in a process, and a Python, of its own: `python peer_worker.py KIND ...`.

Requests and answers are lines of JSON on stdin and stdout. {"open": [path, ...]} decodes images
into memory; {"read": count, "batch": size or null} reads the first `count` of them, or all, and
answers with the texts and the seconds that this took. It knows nothing of ours.
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
    if sys.argv[1] == "rapidocr":
        serve(*rapidocr_reader(int(sys.argv[2])), pipe)
    else:
        serve(*tesseract_reader(sys.argv[2], sys.argv[3]), pipe)
