"""The positions of the long s in old print."""

import pytest

from datasets.lines.synthetic.long_s import lengthen

SPELLINGS = [
    ("das Wasser ist still", "das Waſſer iſt ſtill"),
    ("Sie sass, ausgenommen dies", "Sie ſaſs, ausgenommen dies"),
    ("Hausthür, Staatsrecht, Austern", "Hausthür, Staatsrecht, Auſtern"),
    ("Wissenschaftslehre, Freiheitskrieg", "Wiſſenſchaftslehre, Freiheitskrieg"),
    ("les espérances, c'est-à-dire", "les eſpérances, c'eſt-à-dire"),
    ("SCENE I. S. 12, des", "SCENE I. S. 12, des"),
]


@pytest.mark.parametrize(("modern", "old"), SPELLINGS)
def test_an_s_is_long_inside_a_word_only(modern, old):
    assert lengthen(modern) == old
