"""A fixture for commands that must succeed."""

from collections.abc import Callable

import pytest


@pytest.fixture
def run(command) -> Callable[..., str]:
    """`python run.py ARGUMENTS...`, which must succeed; returns its standard output."""

    def run_and_check(*arguments: object) -> str:
        code, out, err = command(*arguments)
        assert code == 0, err
        return out

    return run_and_check
