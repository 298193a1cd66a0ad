"""How a command ends that is stopped from outside.

Ctrl-C and SIGTERM end it in one line, with exit status 130, within two seconds; a reader of its
output that has read enough, such as `head`, without a word, with 141.
"""

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

INTERRUPTED = 130  # the exit status that shells give to a program ended by Ctrl-C
UNREAD = 141  # that of one ended by SIGPIPE, since nothing reads its output any more
GRACE_S = 1.5  # for a command to end by itself, before it is ended from outside
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_patient = threading.Event()  # set: a command saves what it has, however long that takes


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt as Ctrl-C does, and end the process after GRACE_S.

    A handler in Python waits for native code of the main thread to return, which may take minutes;
    a second thread hears of the signal as soon as that code releases the interpreter's lock, as
    long computations do. No effect off the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    heard, written = socket.socketpair()
    written.setblocking(False)
    wakeup = signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(heard,), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGTERM, before)
        written.close()


def _watch(heard: socket.socket) -> None:
    """End the process GRACE_S after the first signal; no longer once the other end is closed."""
    with heard:
        while received := heard.recv(64):
            if not _patient.is_set() and any(number in SIGNALS for number in received):
                heard.settimeout(GRACE_S)
                try:
                    while heard.recv(64):
                        pass
                    return
                except TimeoutError:
                    print("interrupted", file=sys.stderr)
                    end_now()


@contextmanager
def taking_its_time() -> Iterator[None]:
    """Let the command end this block by itself after a signal, since it saves what it has."""
    _patient.set()
    try:
        yield
    finally:
        _patient.clear()


def end_now() -> None:
    """End the process without waiting for threads that are still at work."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a closed pipe
            stream.flush()
    os._exit(INTERRUPTED)


def is_unread() -> bool:
    """Whether standard output or standard error is a pipe that its reader has closed."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # no file, or a closed one
            poll.register(stream.fileno(), 0)  # errors are always told
    return any(event & select.POLLERR for _, event in poll.poll(0))


def write_nowhere() -> None:
    """Drop what is still to be written to standard output and standard error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def describe(interrupt: KeyboardInterrupt) -> str:
    """The line that tells of an interrupt, with what its message says about going on."""
    return f"interrupted: {interrupt}" if str(interrupt) else "interrupted"
