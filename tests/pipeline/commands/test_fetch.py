"""fetch against a local server: complete, dropped, without Range, wrong, missing, unreachable."""

import hashlib
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from datasets.output.files import open_locked
from pipeline.commands import fetch as fetching
from pipeline.commands.fetch import main

CONTENT = np.random.default_rng(0).bytes(700_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """content: of its file. drops: after how many bytes each of the next responses breaks off.

    ranges: whether it supports Range. codes: status of the next responses. requests: (Range, bytes
    sent) of each.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.drops, self.ranges, self.codes = CONTENT, [], True, []
        self.requests: list[tuple[str | None, int]] = []


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        start = int(wanted[6:-1]) if wanted and server.ranges else 0
        body = server.content[start:]
        code = server.codes.pop(0) if server.codes else 206 if start else 200
        if self.path != "/a.tar.gz":
            code = 404
        if start and not body:
            code = 416
        self.send_response(code)
        if code == 416:
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
        if code == 206:
            end = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        body = body if code in (200, 206) else b""
        self.send_header("Content-Length", str(len(body)))
        if body and server.drops:
            body = body[: server.drops.pop(0)]
        server.requests.append((wanted, len(body)))  # before the client can see the headers
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetching, "PAUSE_S", 0.0)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def get(server, tmp_path, capsys):
    """fetch into tmp_path/to -> exit code, standard output, standard error."""

    def run(*more: str, path: str = "a.tar.gz"):
        url = f"http://127.0.0.1:{server.server_port}/{path}"
        code = main(
            ["fetch", "imdb", "--to", str(tmp_path / "to"), "--url", url, "--checksum", MD5, *more]
        )
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "to" / "aclImdb_v1.tar.gz"


def partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def test_a_file_is_fetched_once(get, path, server):
    code, out, err = get()
    assert (code, err) == (0, "") and f"{path}: 700000 bytes, and the checksum is right" in out
    assert path.read_bytes() == CONTENT and list(path.parent.iterdir()) == [path]
    code, out, _ = get()
    assert code == 0 and "is there already" in out and server.requests == [(None, 700_000)]


def test_the_length_of_a_checksum_gives_its_algorithm(get, path):
    assert get("--checksum", hashlib.sha256(CONTENT).hexdigest().upper())[0] == 0
    code, _, err = get("--checksum", "7c2a")
    assert code == 2 and "--checksum 7c2a: give 32 (md5), 40 (sha1) or 64 (sha256)" in err


def test_a_dropped_connection_is_resumed(get, path, server):
    server.drops = [300_000, 100_000]
    assert get()[0] == 0 and path.read_bytes() == CONTENT
    assert server.requests == [
        (None, 300_000), ("bytes=300000-", 100_000), ("bytes=400000-", 300_000)
    ]  # fmt: skip


def test_another_run_resumes_where_the_last_one_gave_up(get, path, server):
    server.drops = [100_000] + [0] * (fetching.ATTEMPTS - 1)
    code, _, err = get()
    assert code == 1 and "the connection was lost at 100000 of 700000 bytes" in err
    assert "gave up after 6 attempts with 100000 bytes in" in err and not path.exists()
    server.requests.clear()
    assert get()[0] == 0 and server.requests == [("bytes=100000-", 600_000)]
    assert path.read_bytes() == CONTENT


def test_a_server_without_range_sends_the_whole_file_again(get, path, server):
    server.drops, server.ranges = [300_000], False
    assert get()[0] == 0 and path.read_bytes() == CONTENT
    assert server.requests == [(None, 300_000), ("bytes=300000-", 700_000)]


def test_a_complete_partial_file_is_only_checked(get, path, server):
    path.parent.mkdir()
    partial(path).write_bytes(CONTENT)
    assert get()[0] == 0 and path.read_bytes() == CONTENT
    assert [sent for _, sent in server.requests] == [0]  # 416: there is no more


def test_a_partial_file_longer_than_the_servers_is_removed(get, path, server):
    path.parent.mkdir()
    partial(path).write_bytes(CONTENT + b"more")
    assert get()[0] == 0 and path.read_bytes() == CONTENT


def test_a_link_in_the_place_of_the_partial_file_is_refused(get, path, server, tmp_path):
    path.parent.mkdir()
    (tmp_path / "kept").write_text("kept", "utf-8")
    partial(path).symlink_to(tmp_path / "kept")
    code, _, err = get()
    assert code == 1 and f"{path}: {partial(path)}, where it is written first, is a link" in err
    assert (tmp_path / "kept").read_text("utf-8") == "kept" and server.requests == []


def test_two_processes_do_not_fetch_into_one_file(get, path, server):
    path.parent.mkdir()
    held = open_locked(partial(path), path)
    code, _, err = get()
    os.close(held)
    assert code == 1 and "another process is writing it" in err and server.requests == []
    assert get()[0] == 0 and list(path.parent.iterdir()) == [path]


def test_a_wrong_download_is_removed(get, path, server):
    server.content = CONTENT[:-1] + b"?"
    code, _, err = get()
    assert code == 1 and f"not {MD5}; it was removed" in err
    assert list(path.parent.iterdir()) == []
    server.content = CONTENT
    assert get()[0] == 0  # no partial file is left


def test_a_file_of_another_size_is_wrong(server, path):
    url = f"http://127.0.0.1:{server.server_port}/a.tar.gz"
    archive = fetching.Archive(path.name, url, MD5, 700_001)
    with pytest.raises(ValueError, match="700000 bytes, it should have 700001; it was removed"):
        fetching.fetch(archive, path.parent)


def test_a_wrong_file_of_the_user_is_kept(get, path, server):
    path.parent.mkdir()
    path.write_bytes(b"mine")
    code, _, err = get()
    assert code == 1 and "move it away, then fetch again" in err
    assert path.read_bytes() == b"mine" and server.requests == []


def test_a_url_without_the_file_is_requested_once(get, path, server):
    code, _, err = get(path="other")
    assert code == 1 and "the server says 404 Not Found; give another address with --url" in err
    assert len(server.requests) == 1 and list(path.parent.iterdir()) == []


def test_a_busy_server_is_requested_again(get, path, server):
    server.codes = [503, 500]
    assert get()[0] == 0 and len(server.requests) == 3


def test_no_network_is_an_error(get, path, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        code, _, err = get("--url", f"http://127.0.0.1:{free.getsockname()[1]}/a.tar.gz")
    assert code == 1 and "no connection" in err and "check the network" in err
    assert not path.exists()


def test_a_full_disk_is_an_error_before_the_download(server, path, monkeypatch):
    archive = fetching.Archive(path.name, "http://127.0.0.1:9/", MD5, 2**60)
    with pytest.raises(OSError, match=rf"{2**60} bytes to fetch, \d+ free; make room"):
        fetching.fetch(archive, path.parent)


def test_ctrl_c_keeps_the_partial_file(get, path, monkeypatch):
    def interrupted(url, partial):
        partial.write_bytes(b"part")
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "download", interrupted)
    with pytest.raises(KeyboardInterrupt, match="goes on where this one stopped"):
        get()
    assert partial(path).read_bytes() == b"part"


def test_the_default_folder_is_where_reviews_are_looked_for(server, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(fetching, "fetch", lambda *given: calls.append(given) or "")
    main(["fetch", "imdb"])
    monkeypatch.setenv("STRAND_DATA", str(tmp_path))
    main(["fetch", "imdb", "--url", "http://mirror"])
    assert [folder for _, folder in calls] == [Path("data/imdb"), tmp_path / "imdb"]
    # a mirror must have the same file
    assert calls[0][0] == fetching.KNOWN["imdb"] == calls[1][0]._replace(url=calls[0][0].url)


def test_an_unknown_data_set_is_misuse(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fetch", "imbd"])
    assert stop.value.code == 2 and "imbd" in capsys.readouterr().err
