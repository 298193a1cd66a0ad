"""A fixture for lines set in one typeface."""

import pytest

from datasets.lines.synthetic.fonts import Font, find_fonts
from tests.support.typefaces import LETTERS, SERIF


@pytest.fixture(scope="session")
def serif() -> Font:
    return find_fonts(LETTERS, [SERIF])[0]
