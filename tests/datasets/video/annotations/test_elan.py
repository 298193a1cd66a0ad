"""ELAN files of several versions, unsafe and damaged files, and predictions written back."""

from itertools import pairwise

import numpy as np
import pytest

from datasets.limits.roots import add_root
from datasets.video.annotations.elan import plain_path, write_elan
from datasets.video.annotations.files import TimeSegment, clip_path, labels_at, read_annotations

HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2012-07-17T18:18:15+01:00" FORMAT="{version}"
    VERSION="{version}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv{version}.xsd">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    {media}
    <PROPERTY NAME="lastUsedAnnotationId">9</PROPERTY>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/>
    <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1520"/>
    <TIME_SLOT TIME_SLOT_ID="ts3"/>
    <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="3000"/>
    <TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="4000"/>
  </TIME_ORDER>
"""
AUDIO = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///x/a.wav" MIME_TYPE="audio/x-wav"/>'
VIDEO = (
    '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/New folder (2)/a.mp4" MIME_TYPE="video/mp4" '
    'RELATIVE_MEDIA_URL="./a.mp4"/>'
)
FOOTER = """
  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt"
      TIME_ALIGNABLE="true"/>
  <CONSTRAINT STEREOTYPE="Symbolic_Association" DESCRIPTION="1-1 association with a parent"/>
</ANNOTATION_DOCUMENT>
"""


def aligned(name, first, second, label):
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" TIME_SLOT_REF1="{first}" '
        f'TIME_SLOT_REF2="{second}"><ANNOTATION_VALUE>{label}</ANNOTATION_VALUE>'
        "</ALIGNABLE_ANNOTATION></ANNOTATION>"
    )


def refers(name, parent, label, previous=""):
    before = f' PREVIOUS_ANNOTATION="{previous}"' if previous else ""
    return (
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{name}" ANNOTATION_REF="{parent}"{before}>'
        f"<ANNOTATION_VALUE>{label}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )


def tier(name, *annotations, more=""):
    inside = "\n".join(annotations)
    return f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="{name}"{more}>{inside}</TIER>'


PHASES = tier(
    "phases", aligned("a1", "ts1", "ts2", " run "), aligned("a2", "ts4", "ts5", "é &amp; b")
)
KINDS = tier(
    "kinds", refers("a3", "a1", "fast"), refers("a4", "a2", "slow"), more=' PARENT_REF="phases"'
)
DEEPER = tier("deeper", refers("a5", "a3", "deep"), more=' PARENT_REF="kinds"')


def read(tmp_path, *tiers, media=AUDIO + VIDEO, version="2.8", **options):
    path = tmp_path / "p.eaf"
    text = HEADER.format(version=version, media=media) + "\n".join(tiers) + FOOTER
    path.write_text(text, encoding="utf-8")
    return read_annotations(path, **options)


@pytest.mark.parametrize("version", ["2.7", "2.8", "3.0"])
def test_annotations_of_the_only_filled_tier(tmp_path, version):
    found, problems = read(tmp_path, PHASES, tier("empty"), version=version)
    assert problems == []
    (clip,) = found
    assert clip.clip == "a.mp4"
    assert clip.segments == (TimeSegment(0.0, 1.52, "run"), TimeSegment(3.0, 4.0, "é & b"))
    assert clip.segments[0].where == "p.eaf, tier 'phases', annotation a1"


def test_references_take_the_time_of_their_parent(tmp_path):
    found, _ = read(tmp_path, PHASES, KINDS, DEEPER, tier="kinds")
    assert found[0].segments == (TimeSegment(0.0, 1.52, "fast"), TimeSegment(3.0, 4.0, "slow"))
    found, _ = read(tmp_path, PHASES, KINDS, DEEPER, tier="deeper")
    assert found[0].segments == (TimeSegment(0.0, 1.52, "deep"),)
    with pytest.raises(ValueError, match="choose its tier; there are 'phases', 'kinds', 'deeper'"):
        read(tmp_path, PHASES, KINDS, DEEPER)
    with pytest.raises(ValueError, match="no tier 'x' with annotations"):
        read(tmp_path, PHASES, tier="x")


def test_what_has_no_time_of_its_own_is_named(tmp_path):
    parts = tier("parts", refers("b1", "a1", "one"), refers("b2", "a1", "two", "b1"),
                 refers("b3", "a2", "whole"), refers("b4", "gone", "lost"),
                 refers("b5", "b5", "round"))  # fmt: skip
    found, problems = read(tmp_path, PHASES, parts, tier="parts")
    assert found[0].segments == (TimeSegment(3.0, 4.0, "whole"),)
    assert [p.reason.split("annotation ")[1][:2] for p in problems] == ["b1", "b2", "b4", "b5"]
    assert "'one' shares its parent's time" in problems[0].reason
    assert "refers to gone" in problems[2].reason and "refers to b5" in problems[3].reason
    bad = tier(
        "bad", aligned("c1", "ts1", "ts3", "x"), aligned("c2", "ts9", "ts2", "y"),
        aligned("c3", "ts5", "ts4", "z"), aligned("c4", "ts4", "ts5", ""),
        aligned("c5", "ts1", "ts2", "good"), aligned("c6", "ts1", "ts2", "good"),
    )  # fmt: skip
    found, problems = read(tmp_path, bad)
    assert [s.label for s in found[0].segments] == ["good"]
    reasons = [p.reason for p in problems]
    assert len(reasons) == 5
    for reason, words in zip(
        reasons,
        ("no time at slot ts3", "no time at slot ts9", "ends before", "empty label", "overlaps"),
        strict=True,
    ):
        assert words in reason


def test_the_video_is_found_by_either_url(tmp_path):
    moved = VIDEO.replace("./a.mp4", "../gone/a.mp4")
    (tmp_path / "a b.mp4").touch()
    absolute = f'MEDIA_URL="file://{(tmp_path / "a%20b.mp4").as_posix()}"'
    there = f'<MEDIA_DESCRIPTOR {absolute} MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./x.mp4"/>'
    found, _ = read(tmp_path, PHASES, media=there)
    assert clip_path(tmp_path / "p.eaf", found[0].clip) == tmp_path / "a b.mp4"
    assert read(tmp_path, PHASES, media=moved)[0][0].clip == "../gone/a.mp4"
    (tmp_path / "a.mp4").touch()
    found, problems = read(tmp_path, PHASES, media=moved + there)
    assert clip_path(tmp_path / "p.eaf", found[0].clip) == tmp_path / "a.mp4"
    assert "a%20b.mp4 gets no labels" in problems[0].reason or "a b.mp4 gets" in problems[0].reason
    for none in ("", AUDIO):
        with pytest.raises(ValueError, match="no MEDIA_DESCRIPTOR of a video"):
            read(tmp_path, PHASES, media=none)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("file:///C:/Users/me/a b.mp4", "C:/Users/me/a b.mp4"),
        ("file:///home/me/a.mp4", "/home/me/a.mp4"),
        ("file:////server/share/a.mp4", "//server/share/a.mp4"),
        ("./a.mp4", "a.mp4"),
        ("../../a.mp4", "../../a.mp4"),
        ("file:/./a.mp4", "/./a.mp4"),
        ("a.mp4", "a.mp4"),
    ],
)
def test_urls(url, name):
    assert plain_path(url) == name


def test_the_origin_of_the_media_is_added(tmp_path):
    later = VIDEO.replace("/>", ' TIME_ORIGIN="1948"/>')
    found, _ = read(tmp_path, PHASES, media=later)
    assert found[0].segments[0].bounds == (1.948, 3.468)
    found, problems = read(tmp_path, PHASES, media=later.replace("1948", "-1000"))
    assert found[0].segments[0].bounds == (2.0, 3.0)
    assert "begins before 0" in problems[0].reason
    with pytest.raises(ValueError, match="TIME_ORIGIN 'x'"):
        read(tmp_path, PHASES, media=later.replace("1948", "x"))


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'<?xml version="1.0"?>{BOMB}<ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>', "DOCTYPE"),
        ("<ANNOTATION_DOCUMENT><TIER>", "damaged XML"),
        ("<ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>", "damaged XML"),
        ("<TRANSCRIPT/>", "XML of <TRANSCRIPT>"),
    ],
)
def test_unsafe_and_damaged_files(tmp_path, content, message):
    path = tmp_path / "p.eaf"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_annotations(path)


def test_no_encoding_hides_a_doctype(tmp_path):
    path = tmp_path / "p.eaf"
    text = f'<?xml version="1.0" encoding="cp037"?>{BOMB}<ANNOTATION_DOCUMENT/>'
    path.write_bytes(b'<?xml version="1.0" encoding="cp037"?>' + text.encode("cp037"))
    with pytest.raises(ValueError, match=r"not UTF-8|damaged XML"):
        read_annotations(path)
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(ValueError, match=r"p\.eaf"):
        read_annotations(path)


def test_a_reading_is_read_back_to_the_millisecond(tmp_path):
    add_root(tmp_path)
    (tmp_path / "films").mkdir()
    video, path = tmp_path / "films" / "a é.mp4", tmp_path / "read" / "a.eaf"
    path.parent.mkdir()
    video.touch()
    spans = [
        {"start": 1.24, "end": 3.0, "label": "<b> & 'c'"},
        {"start": 0.0, "end": 0.57, "label": "a"},
        {"start": 0.57, "end": 1.24, "label": "a"},
    ]
    write_elan(path, video, spans)
    found, problems = read_annotations(path, tier="strand")
    assert problems == []
    assert [(s.start, s.end, s.label) for s in found[0].segments] == [
        (s["start"], s["end"], s["label"]) for s in sorted(spans, key=lambda s: s["start"])
    ]
    assert found[0].clip == "../films/a é.mp4"
    assert clip_path(path, found[0].clip).resolve() == video.resolve()
    for label in ("a\x00", "a\udcff"):  # the latter of a file name that is no UTF-8
        with pytest.raises(ValueError, match="cannot stand in XML"):
            write_elan(path, video, [{"start": 0.0, "end": 1.0, "label": label}])
    with pytest.raises(ValueError, match="less than the millisecond"):
        write_elan(path, video, [{"start": 0.0, "end": 0.0005, "label": "a"}])


@pytest.mark.parametrize("rate", [24000 / 1001, 30000 / 1001, 30.0, 59.94, 240.0])
def test_no_frame_changes_sides_by_the_milliseconds(tmp_path, rate):
    """Borders at frame times: rounded to ELAN's milliseconds, each frame keeps its label."""
    times = np.arange(200) / rate
    borders = [0, 7, 20, 61, 133, 199]
    spans = [
        {"start": float(times[a]), "end": float(times[b]), "label": "ab"[k % 2]}
        for k, (a, b) in enumerate(pairwise(borders))
    ]
    write_elan(tmp_path / "a.eaf", tmp_path / "a.mp4", spans)
    (clip,), _ = read_annotations(tmp_path / "a.eaf")
    exact = [TimeSegment(s["start"], s["end"], s["label"]) for s in spans]
    arguments = times, np.arange(200), {"a": 0, "b": 1}, set()
    assert (labels_at(clip.segments, *arguments) == labels_at(exact, *arguments)).all()


def test_all_tiers_are_read_for_several_labels_at_once(tmp_path):
    hands = tier("left", aligned("a1", "ts1", "ts2", "wave")) + tier(
        "right", aligned("b1", "ts1", "ts2", "point")
    )
    with pytest.raises(ValueError, match="choose its tier"):
        read(tmp_path, hands)
    (found,), problems = read(tmp_path, hands, multi_label=True)
    assert [s.label for s in found.segments] == ["wave", "point"] and problems == []
    assert found.segments[0].bounds == found.segments[1].bounds
    (found,), _ = read(tmp_path, hands, multi_label=True, tier="right")
    assert [s.label for s in found.segments] == ["point"]


def test_too_long_a_name_of_the_video_is_a_missing_one(tmp_path):
    name = "9" * 400
    found, _ = read(tmp_path, PHASES, media=VIDEO.replace("a.mp4", f"{name}.mp4"))
    assert name in found[0].clip
