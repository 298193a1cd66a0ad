"""Ctrl-C and SIGTERM: one line, exit status 130, soon, whatever the command is doing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import interrupts
from pipeline.interrupts import describe, ending_on_signals
from pipeline.reading.bundle import save_bundle
from tests.support.small import noise_line, write_image
from tests.support.squares import squares_bundle, write_squares

ROOT = Path(__file__).parents[2]
LIMIT_S = 2.0


def start(code: str) -> subprocess.Popen:
    """A Python process that handles Ctrl-C, as a child of a shell in the background would not."""
    return start_command([sys.executable, "-c", code], ROOT)


def start_command(arguments: list[str], folder: Path, stdin: int | None = None) -> subprocess.Popen:
    return subprocess.Popen(
        arguments,
        cwd=folder,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def end(process: subprocess.Popen, number: int) -> tuple[int, str, float]:
    """Exit status, standard error, and seconds from a signal to the end."""
    started = time.perf_counter()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err, time.perf_counter() - started


def test_sigterm_is_an_interrupt_within_the_block_only():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ending_on_signals():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_off_the_main_thread_nothing_is_changed():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def run():
        with ending_on_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


def test_the_line_says_how_to_go_on():
    assert describe(KeyboardInterrupt()) == "interrupted"
    assert describe(KeyboardInterrupt("3 of 7 read")) == "interrupted: 3 of 7 read"


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_native_code_and_threads_do_not_delay_the_end(number):
    # a hash of many rounds holds the main thread, and another thread never ends
    process = start(
        "import hashlib, threading, time; from pipeline.interrupts import ending_on_signals\n"
        "def other(): time.sleep(0.5); print('there', flush=True); time.sleep(60)\n"
        "threading.Thread(target=other).start()\n"
        "with ending_on_signals(): hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**9)"
    )
    process.stdout.readline()
    code, err, seconds = end(process, number)
    assert (code, err) == (130, "interrupted\n") and seconds < LIMIT_S


def test_a_command_that_saves_is_given_its_time():
    process = start(
        "import time; from pipeline.interrupts import ending_on_signals, taking_its_time\n"
        "with ending_on_signals(), taking_its_time():\n"
        "    try: print('there', flush=True); time.sleep(60)\n"
        "    except KeyboardInterrupt: time.sleep(2.5); print('saved')"
    )
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "saved\n")


def wait_for(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    """Until it holds; fails if the process ends before."""
    end = time.monotonic() + 60
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(f"it did not come to that: {process.communicate()}")
        time.sleep(0.05)


@pytest.fixture
def stalled(tmp_path) -> Iterator[tuple[subprocess.Popen, int, Path]]:
    """predict --live on a pipe that stays open: the process, the pipe's other end, the log."""
    save_bundle(squares_bundle(), tmp_path / "live.safetensors")
    command = ["predict", "--live", "-", "--model", "live.safetensors", "--output", "log"]
    reading, writing = os.pipe()
    process = start_command([sys.executable, str(ROOT / "run.py"), *command], tmp_path, reading)
    os.close(reading)
    try:
        yield process, writing, tmp_path / "log"
    finally:
        process.kill()
        process.communicate()
        os.close(writing)


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_a_pipe_that_gives_nothing_does_not_delay_the_end(stalled, number):
    process, _, log = stalled
    wait_for(log.exists, process)
    time.sleep(0.5)  # it waits for the pipe
    code, err, seconds = end(process, number)
    assert (code, err) == (130, "interrupted: 0 records written\n") and seconds < LIMIT_S


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_a_pipe_gave_is_in_the_log_before_it_ends(stalled, number, tmp_path):
    process, writing, log = stalled
    with open(write_squares(tmp_path / "film.mkv", 200), "rb") as film:
        content = film.read()
    os.write(writing, content[: len(content) * 3 // 4])
    wait_for(lambda: log.exists() and log.read_text("utf-8").count("\n") > 4, process)
    before = log.read_text("utf-8")
    code, err, seconds = end(process, number)
    assert seconds < LIMIT_S and log.read_text("utf-8").startswith(before)
    if number == signal.SIGINT:
        count = log.read_text("utf-8").count("\n")
        assert (code, err) == (130, f"interrupted: {count} records written\n")
        assert count > before.count("\n")  # the segment that was open


COMMANDS = {
    "predict": ["predict", "lines", "--model", "B", "--output", "o.tsv"],
    "evaluate": ["evaluate", "--model", "B", "--data", "lines"],
    "doctor": ["doctor", "lines"],
    "calibrate": ["calibrate", "--model", "B", "--data", "lines", "--output", "o.safetensors"],
    "language_model": ["language_model", "--model", "B", "--data", "lines", "--texts", "t.txt"],
    "report": ["report", "--model", "B", "--data", "lines"],
    "compare": ["compare", "words.yaml"],
    "fetch": ["fetch", "imdb", "--url", "http://192.0.2.1/none", "--to", "f"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory, bundle_file) -> Path:
    """3,000 lines and a text, enough to be interrupted in."""
    folder = tmp_path_factory.mktemp("interrupts")
    rows = []
    for index in range(3000):
        first = folder / "lines" / f"{index % 20}.png"
        if index < 20:
            write_image(first, noise_line(index))
        else:
            os.link(first, first.with_name(f"{index}.png"))
        rows.append(f"{index}.png\tabc\n")
    (folder / "lines" / "labels.tsv").write_text("".join(rows), "utf-8")
    (folder / "t.txt").write_text("abc def\n" * 100_000, "utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.3, 1.5, 3.0])
@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_anywhere_is_one_line(folder, data, bundle_file, name, delay_s):
    for source in ("lines", "t.txt"):
        (folder / source).symlink_to(data / source)
    arguments = [str(bundle_file) if part == "B" else part for part in COMMANDS[name]]
    process = start_command([sys.executable, str(ROOT / "run.py"), *arguments], folder)
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        code, err, seconds = end(process, signal.SIGINT)
        lines = [line for line in err.splitlines() if "starts, log:" not in line]
        assert code == 130 and seconds < LIMIT_S, err
        assert len(lines) == 1 and lines[0].startswith("interrupted"), err
    else:
        process.communicate()
        pytest.skip("done before")


@pytest.mark.parametrize("times", [1, 400])
@pytest.mark.parametrize("kind", ["text", "csv"])
def test_a_reader_that_has_read_enough_is_told_nothing(tmp_path, bundle_file, times, kind):
    image = tmp_path / ("a" * 100 + ".png")
    write_image(image, noise_line(0))
    arguments = ["predict", *[str(image)] * times, "--model", str(bundle_file), "--format", kind]
    process = start_command([sys.executable, "run.py", *arguments], ROOT)
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 141)


def test_a_pipe_that_breaks_elsewhere_is_an_error(command, monkeypatch):
    def breaks(_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("pipeline.commands.predict.check_options", breaks)
    outcome = command("predict", "a.png")
    assert (outcome.code, outcome.err) == (2, "error: [Errno 32] Broken pipe\n")
