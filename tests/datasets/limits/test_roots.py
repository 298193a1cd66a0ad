"""What a data file names stays in the folder of the data, and is a file."""

import http.server
import json
import os
import threading
from pathlib import Path

import pytest

from datasets import Clips, LineFolder, RealLines
from datasets.files import find_named, resolve_data_path
from datasets.limits import roots
from datasets.limits.roots import OutsideError, add_root, allow_outside, root_of
from datasets.lines.listing import list_rows
from datasets.lines.reader import load_line
from datasets.pages.files import find_image, read_page
from datasets.video.annotations.files import clip_path, read_annotations
from datasets.video.decoder import decode_video
from tests.datasets.video.annotations.test_boris import observation, project
from tests.support.films import film
from tests.support.pages import tesseract, transkribus
from tests.support.small import noise_line, write_image


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder of data beside a secret image, film and page."""
    folder = tmp_path / "data"
    (folder / "x").mkdir(parents=True)
    write_image(tmp_path / "secret.png", noise_line(0))
    film(tmp_path / "secret.mp4", [0, 255])
    transkribus(tmp_path / "other.xml")
    return folder


@pytest.fixture
def requests():
    """Paths that were asked of a web server; its address is `requests.url`."""

    class Paths(list):
        url = ""

    asked = Paths()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    asked.url = f"http://127.0.0.1:{server.server_port}"
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def outside_names(data: Path, name: str) -> list[str]:
    return [str(data.parent / name), f"../{name}", f"x/../../{name}", f"..\\{name}",
            f"{data.parent.name}/../../{data.parent.name}/{name}/../{name}"]  # fmt: skip


def test_a_label_file_names_images_of_its_folder_only(data):
    write_image(data / "in.png", noise_line(1))
    names = outside_names(data, "secret.png")[:4] + [f"../{x}#l0" for x in ("other.xml",)]
    rows = "".join(f"{name}\tabc\n" for name in ["in.png", *names])
    (data / "labels.tsv").write_text(rows, "utf-8")
    listed, problems = list_rows(LineFolder(str(data)))
    assert [row.image for row in listed] == [data / "in.png"]
    assert len(problems) == 5 and all("outside of" in p.reason for p in problems)
    assert "labels.tsv, line 2: " in problems[0].reason and "--allow_outside" in problems[0].reason


def test_a_record_of_a_database_elsewhere_is_not_named(data, tmp_path):
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(tmp_path / "db")) as database, database.begin(write=True) as transaction:
        transaction.put(b"image-000000001", b"x")
    (data / "labels.tsv").write_text("../db#image-000000001\tabc\n", "utf-8")
    listed, problems = list_rows(LineFolder(str(data)))
    assert not listed and "outside of" in problems[0].reason


def test_what_stands_behind_a_sharp_leads_to_no_other_folder(data):
    name = Path(f"{data}/../other.xml#/../data/l1")
    with pytest.raises(OutsideError, match=r"other\.xml#"):
        roots.check_inside(name, data)


@pytest.mark.parametrize("write", [transkribus, tesseract])
def test_a_page_names_an_image_of_its_data_only(data, tmp_path, write):
    page = write(data / "p.xml")
    (data / "p.png").unlink()
    own = page.read_text("utf-8")
    resolve_data_path(str(data))  # as every command does with what the user gives
    for name in [*outside_names(data, "secret.png")[:4], "secret.png",
                 f"file://{tmp_path}/secret.png"]:  # fmt: skip
        page.write_text(own.replace("p.png", name), "utf-8")
        with pytest.raises(ValueError, match=r"p\.xml: names .*outside of .*data, the folder of"):
            find_image(read_page(page))
    write_image(data / "secret.png", noise_line(1))  # of the same name, and inside
    assert find_image(read_page(page)) == data / "secret.png"


def test_pages_of_transkribus_still_have_their_images_above(data):
    (data / "page").mkdir()
    page = transkribus(data / "page" / "p.xml")
    (data / "page" / "p.png").rename(data / "p.png")
    for given in (data, data / "page"):
        allow_outside(False)
        resolve_data_path(str(given))
        assert find_image(read_page(page)) == data / "p.png"


FRAMES = "clip,label\n{}\n"


def tables(folder: Path, name: str) -> dict[str, str]:
    """An annotation file of each kind whose clip has this name: its file name -> its content."""
    via = {
        "attribute": {"1": {"aname": "a", "anchor_id": "FILE1_Z2_XY0", "type": 1}},
        "metadata": {"m": {"vid": "1", "z": [0, 0.1], "xy": [], "av": {"1": "run"}}},
        "file": {"1": {"fname": "gone.mp4", "type": 4, "loc": 3, "src": name}},
        "view": {"1": {"fid_list": ["1"]}},
    }
    boris = project(one=observation([[0.1, "", "run", "", ""], [0.2, "", "run", "", ""]], [name]))
    elan = (
        f'<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="{name}" MIME_TYPE="video/mp4"/>'
        '</HEADER><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="1" TIME_VALUE="0"/><TIME_SLOT '
        'TIME_SLOT_ID="2" TIME_VALUE="99"/></TIME_ORDER><TIER TIER_ID="t"><ANNOTATION>'
        '<ALIGNABLE_ANNOTATION ANNOTATION_ID="a" TIME_SLOT_REF1="1" TIME_SLOT_REF2="2">'
        "<ANNOTATION_VALUE>run</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>"
        "</ANNOTATION_DOCUMENT>"
    )
    return {
        "t.csv": f'clip,label\n"{name}",run\n',
        "s.csv": f'clip,start,end,label\n"{name}",0,0.1,run\n',
        "p.json": json.dumps(via),
        "p.boris": json.dumps(boris),
        "p.eaf": elan,
    }


def test_annotations_name_clips_of_their_data_only(data, tmp_path):
    names = [str(tmp_path / "secret.mp4"), "../secret.mp4", f"file://{tmp_path}/secret.mp4"]
    for name in names:
        for table, content in tables(data, name).items():
            if name.startswith("file:") and table not in ("p.eaf", "p.json"):
                continue  # a name as any other
            (data / table).write_text(content, "utf-8")
            with pytest.raises(ValueError, match=r"(?s)no annotation that can be .*outside of"):
                read_annotations(data / table)
    with pytest.raises(OutsideError):
        clip_path(data / "t.csv", "../secret.mp4")
    film(data / "secret.mp4", [9])  # the file was carried along
    assert clip_path(data / "t.csv", str(tmp_path / "secret.mp4")) == data / "secret.mp4"


def test_a_table_may_name_other_folders_of_what_the_user_gave(data):
    (data / "tables").mkdir()
    (data / "films").mkdir()
    film(data / "films" / "a.mp4", [0, 255])
    table = data / "tables" / "t.csv"
    table.write_text("clip,label\n../films/a.mp4,run\n", "utf-8")
    with pytest.raises(ValueError, match=r"no annotation that can be used\n.*outside of"):
        read_annotations(table)
    add_root(data)
    assert root_of(table.parent) == data
    ((annotation,), _) = read_annotations(table)
    assert os.path.samefile(clip_path(table, annotation.clip), data / "films" / "a.mp4")


def test_the_user_can_allow_all(data, tmp_path):
    allow_outside(True)
    (data / "t.csv").write_text(FRAMES.format("../secret.mp4,run"), "utf-8")
    assert len(read_annotations(data / "t.csv")[0]) == 1
    assert find_named(data, str(tmp_path / "secret.png")) == tmp_path / "secret.png"
    allow_outside(False)
    with pytest.raises(OutsideError):
        find_named(data, str(tmp_path / "secret.png"))


def test_commands_take_the_option(command, data, bundle_file, tmp_path):
    (data / "labels.tsv").write_text("../secret.png\tabc\n", "utf-8")
    evaluate = ("evaluate", "--model", bundle_file, "--data", data)
    outcome = command(*evaluate)
    assert outcome.code == 2 and "outside of" in outcome.err
    assert command(*evaluate, "--allow_outside").code == 0
    assert command(*evaluate).code == 2  # it was for that command alone


PROTOCOLS = ["{url}/no.mp4", "http:{url}", "concat:../secret.mp4", "subfile,,end,0,,:{}",
             "data:video/mp4;base64,AAAA", "crypto:../secret.mp4", "async:../secret.mp4",
             "file:../secret.mp4", "tcp://127.0.0.1:{port}", "rtsp://127.0.0.1:{port}"]  # fmt: skip


def test_data_files_open_no_protocol(data, tmp_path, requests):
    port = requests.url.rpartition(":")[2]
    films = ["a.mp4", "b.mp4"]
    for name in films:
        film(data / name, [0, 255])
    names = [p.format(tmp_path / "secret.mp4", url=requests.url, port=port) for p in PROTOCOLS]
    rows = [*(f"{name},{name[0]}" for name in films), *(f'"{name}",a' for name in names)]
    (data / "t.csv").write_text(FRAMES.format("\n".join(rows)), "utf-8")
    source = Clips(str(data), table="t.csv", cache=str(tmp_path / "cache"), validation=0.0)
    refused = {problem.name for problem in source.problems}
    assert len(refused) == len(names), set(names) - refused
    assert requests == []
    for name in names:
        with pytest.raises((ValueError, OSError)):
            list(decode_video(name, 8, 8, 1))
    assert requests == []


def test_predict_opens_no_url(command, tmp_path, requests):
    from pipeline.reading.bundle import save_bundle
    from tests.support.film_bundles import film_bundles

    save_bundle(film_bundles()["motions"], tmp_path / "m.safetensors")
    outcome = command("predict", f"{requests.url}/a.mp4", "--model", tmp_path / "m.safetensors")
    assert outcome.code == 1 and "no such file" in outcome.err + outcome.out
    assert requests == []


def test_no_part_of_a_config_opens_a_url(command, folder, requests):
    for option in ("--model.encoder", "--data.source", "--model", "--config"):
        outcome = command("fit", "-c", "words.yaml", f"{option}={requests.url}/x.yaml")
        assert outcome.code == 2 and requests == []


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
SESSION = "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"
HOLDERS = [PLAYLIST, "ffconcat version 1.0\nfile '{}'\n", SESSION,
           '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{}'
           "</BaseURL></Period></MPD>"]  # fmt: skip


@pytest.mark.parametrize("content", HOLDERS)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat"])
def test_a_playlist_opens_nothing(data, tmp_path, requests, content, suffix):
    for name in (f"{requests.url}/a.ts", str(tmp_path / "secret.mp4"), "../secret.mp4"):
        path = data / f"list{suffix}"
        path.write_text(content.format(name), "utf-8")
        with pytest.raises((ValueError, OSError)):
            list(decode_video(str(path), 8, 8, 1))
    assert requests == []


def test_a_numbered_name_is_one_file(data):
    film(data / "a%03d.mp4", [0, 255])
    assert len(list(decode_video(str(data / "a%03d.mp4"), 8, 8, 1))) == 2


def test_lines_of_a_folder_train_as_before(data):
    for i in range(4):
        write_image(data / f"{i}.png", noise_line(i))
    (data / "labels.tsv").write_text("".join(f"{i}.png\tab\n" for i in range(4)), "utf-8")
    source = RealLines([LineFolder(str(data), validation=0.5)], height=16, max_width=900)
    assert len(source.split("train")) == 2 and not source.problems
    assert load_line(str(data / "0.png")).ndim == 2


def test_the_option_is_handed_on_to_commands_that_go_on(monkeypatch):
    monkeypatch.delenv(roots.ALLOWED, raising=False)
    assert roots.root_options() == []
    monkeypatch.setenv(roots.ALLOWED, "1")
    assert roots.root_options() == ["--allow_outside"]
