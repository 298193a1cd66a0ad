"""A training in which no target fits is refused before its first step."""

import pytest

from tests.support.small import write_lines


@pytest.mark.usefixtures("folder")
def test_no_target_fits(command):
    """40 columns leave 20 steps."""
    write_lines("ab" * 11, "ab" * 11, "ab" * 12, "a" * 30)
    code, _, err = command("fit", "-c", "lines.yaml")
    assert code == 2 and "error: none of the 2 training samples can have a loss" in err
    assert "lines/p2__.png: the target needs 24 steps but the encoder leaves 20; widen" in err
    assert "lines/p3__.png: the target needs 59 steps" in err
