"""Labels that go with a group: the warnings, and where there is nothing to say."""

from collections import Counter

from pipeline.doctor.splits.confounding import find_confounding


def confounding(kind: str = "group", **groups: str) -> list[str]:
    """Groups by name, with a letter for the label of each sample."""
    sizes = {name: len(labels) for name, labels in groups.items()}
    return list(find_confounding({n: Counter(x) for n, x in groups.items()}, sizes, kind))


def test_one_label_for_each_camera():
    warning, lonely = confounding("folder", hall="aaa", yard="bb", room="aa")
    assert warning.startswith("one label per folder: hall ('a'), room ('a'), yard ('b'): ")
    assert warning.endswith("collect each label in several folders")
    assert "'b' (yard): training and test cannot both have them" in lonely


def test_groups_of_one_label_and_labels_of_one_group():
    first, second = confounding(p="aab", q="aaaa", r="bb", s="abc", t="c", u="d")
    assert first.startswith("2 of 4 groups of two samples or more have one label only: q ('a'), r")
    assert second.startswith("1 of 4 labels in one group only: 'd' (u): training and test cannot")


def test_nothing_is_said_where_groups_are_mixed_or_of_one_sample():
    assert not confounding(p="ab", q="ba", r="aab")
    assert not confounding(p="a", q="b", r="a", s="b")
    assert not confounding(p="aaa", q="aa")  # one label in all
    assert not confounding(p="ab")
    assert not list(find_confounding({}, {}, "group"))  # strings
