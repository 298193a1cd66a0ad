"""The records of a run so far: whole lines only, and only for the same inputs and options."""

import errno
import os

import pytest

from datasets.environment import MachineError
from pipeline.writing.journal import Journal
from pipeline.writing.sink import RecordSink
from pipeline.writing.writers import open_writer

HOW = {"a bundle of SHA-256": "f00", "--n_best": "1"}


def fill(output, *names: str) -> None:
    with Journal(str(output), HOW, resume=True) as journal:
        for name in names:
            journal.add({"input": name, "text": "x"})
        journal.flush()


def kept(output, resume: bool = True, how: dict = HOW) -> list[str]:
    with Journal(str(output), how, resume) as journal:
        return [record["input"] for record in journal.records()]


def test_a_run_goes_on_after_the_last_whole_record(tmp_path):
    output, partial = tmp_path / "o", tmp_path / "o.partial"
    fill(output, "a\udcff", "b")
    whole = partial.read_bytes()
    for torn in (b'{"input": "c", "te', b"\0\0\0\0\n", b"[1]\n"):
        partial.write_bytes(whole + torn)
        assert kept(output) == ["a\udcff", "b"] and partial.read_bytes() == whole
    fill(output, "c")
    assert kept(output) == ["a\udcff", "b", "c"]
    with Journal(str(output), HOW, True) as journal:
        assert list(journal.remaining(iter(["a\udcff", "b", "c", "d"]), str)) == ["d"]


@pytest.mark.parametrize("content", [b"", b'{"partial": {', b'{"partial": {}}\n'])
def test_a_journal_without_records_begins_anew_and_is_removed(tmp_path, content):
    (tmp_path / "o.partial").write_bytes(content)
    assert kept(tmp_path / "o", resume=False) == []
    assert list(tmp_path.iterdir()) == []


def test_what_was_read_is_never_lost_in_silence(tmp_path):
    fill(tmp_path / "o", "a", "b")
    with pytest.raises(ValueError, match=r"o\.partial: holds 2 records .* go on with --resume"):
        kept(tmp_path / "o", resume=False)
    with pytest.raises(ValueError, match=r"was read with --n_best 1, not 5"):
        kept(tmp_path / "o", how=HOW | {"--n_best": "5"})
    assert kept(tmp_path / "o") == ["a", "b"]


@pytest.mark.parametrize(
    ("items", "says"),
    [(["a", "c"], "record 2 is of b, but input 2 is c"), (["a"], "there are no more inputs")],
)
def test_other_inputs_are_refused(tmp_path, items, says):
    fill(tmp_path / "o", "a", "b")
    with Journal(str(tmp_path / "o"), HOW, True) as journal, pytest.raises(ValueError, match=says):
        list(journal.remaining(iter(items), str))


def test_a_file_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "o.partial").write_text('{"a": 1}\n', "utf-8")
    with pytest.raises(ValueError, match=r"o\.partial: not the partial output of predict"):
        kept(tmp_path / "o")
    assert (tmp_path / "o.partial").read_text("utf-8") == '{"a": 1}\n'


def test_one_run_at_a_time(tmp_path):
    busy = pytest.raises(ValueError, match=r"o: another process is writing it")
    with Journal(str(tmp_path / "o"), HOW, False), busy:
        kept(tmp_path / "o")


def test_a_full_disk_names_the_output(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Journal(str(tmp_path / "o"), HOW, False) as journal:
        journal.add({"input": "a"})
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(MachineError, match=r"/o: No space left on device; free some space"):
            journal.flush()


@pytest.mark.parametrize(
    "content",
    [b"novel\n", b"novel", b'{"a": 1}\n', b'{"partial": 5}\n',
     b'{"partial": {}}\n{"text": "no input"}\n'],
)  # fmt: skip
def test_a_file_of_another_kind_is_left_as_it_is(tmp_path, content):
    (tmp_path / "o.partial").write_bytes(content)
    with pytest.raises(ValueError, match=r"o\.partial: not the partial output of predict"):
        Journal(str(tmp_path / "o"), HOW, True)
    assert (tmp_path / "o.partial").read_bytes() == content


def test_a_link_and_a_pipe_are_no_place_for_records(tmp_path):
    (tmp_path / "kept").write_text("kept", "utf-8")
    (tmp_path / "o.partial").symlink_to(tmp_path / "kept")
    with pytest.raises(ValueError, match="a link; remove it"):
        Journal(str(tmp_path / "o"), HOW, False)
    assert (tmp_path / "kept").read_text("utf-8") == "kept"
    os.mkfifo(tmp_path / "p.partial")
    with pytest.raises(ValueError, match="no file; remove it"):
        Journal(str(tmp_path / "p"), HOW, False)


def test_a_record_that_is_nested_too_deeply_is_what_a_stop_has_left(tmp_path):
    fill(tmp_path / "o", "a")
    with (tmp_path / "o.partial").open("ab") as file:
        file.write(b'{"input": ' + b"[" * 200_000 + b"\n")
    assert kept(tmp_path / "o") == ["a"]


@pytest.mark.parametrize("record", [{"input": "b", "lines": [3]}, {"input": "b", "lines": 3}])
def test_a_damaged_record_of_an_earlier_run_names_the_journal(tmp_path, record):
    output = str(tmp_path / "o.csv")

    def finish(*added: dict) -> None:
        with Journal(output, HOW, resume=True) as journal:
            for one in added:
                journal.add(one)
            journal.flush()
            with RecordSink(
                lambda stack: open_writer("csv", "text", ["a", "b"], output, stack), journal, output
            ) as sink:
                sink.finish()

    with pytest.raises((KeyError, TypeError)):  # a mistake of the run itself is shown as it is
        finish({"input": "a", "text": "x"}, record)
    with pytest.raises(ValueError, match=r"o\.csv\.partial: a damaged record .*; delete the file"):
        finish()
    assert (tmp_path / "o.csv.partial").exists() and not (tmp_path / "o.csv").exists()
