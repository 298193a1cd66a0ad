"""Deferring Ctrl-C."""

import signal
import threading

import pytest

from pipeline.training.signals import uninterrupted


def work_through_ctrl_c(done: list[str]) -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")


def test_ctrl_c_takes_effect_at_the_end_of_the_context():
    done, before = [], signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            work_through_ctrl_c(done)
        assert done == ["whole"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        with uninterrupted():
            done.append("no signal")
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(done) == 2


def test_a_handler_not_installed_from_python_is_kept(monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", lambda *given: pytest.fail("replaced"))
    with uninterrupted():
        pass


def test_other_threads_handle_no_signals():
    done = []

    def work():
        with uninterrupted():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
