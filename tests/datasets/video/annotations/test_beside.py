"""Videos beside an annotation file that it does not name."""

from datasets.video.annotations.beside import unnamed_videos
from datasets.video.annotations.files import read_annotations


def test_only_whole_names_are_mentioned(tmp_path):
    names = ["1.mp4", "11.mp4", "1.mp4.mp4", "my 1.mp4", "day/1.mp4", "day/2.mp4", "2.mp4", "3.mp4"]
    (tmp_path / "day").mkdir()
    for name in names:
        (tmp_path / name).touch()
    table = tmp_path / "labels.csv"
    refused = ["11.mp4", "1.mp4.mp4", "my 1.mp4", "day/1.mp4", "C:\\films\\3.mp4"]
    rows = ["2.mp4,x", *(f"{name}," for name in refused)]
    table.write_text("\n".join(["clip,label", *rows]) + "\n", "utf-8")
    annotations, problems = read_annotations(table)
    assert len(problems) == len(refused)
    unnamed = unnamed_videos(table, annotations, problems, (".mp4",))
    assert [problem.name for problem in unnamed] == ["1.mp4", "day/2.mp4"]
