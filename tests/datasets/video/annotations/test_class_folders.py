"""Clips below a folder: the rule for files and folders is that of all data."""

import os

from datasets.files import scan_folder
from datasets.video.annotations.class_folders import find_clips


def test_clips_are_among_the_files_that_all_readers_look_at(tmp_path, monkeypatch):
    names = ("b.mp4", "a/2.MP4", "a/notes.txt", "a/.3.mp4", "__MACOSX/a/2.mp4", "locked/4.mp4")
    frames = ("c/d/0001.png", "c/d/0002.png", "c/d.mp4", "c/e/0001.png", "c/e/notes.txt")
    for name in (*names, *frames):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    os.symlink(tmp_path, tmp_path / "again")
    listed = os.scandir

    def scan(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scan)
    found = find_clips(tmp_path, (".mp4",))
    assert found == [tmp_path / name for name in ("a/2.MP4", "b.mp4", "c/d", "c/d.mp4")]
    kinds = {"hidden file", "linked folder", "system folder", "unreadable folder"}
    assert set(scan_folder(tmp_path).no_data) == kinds
