"""The list of commands."""

from pipeline.cli import COMMANDS


def test_every_command_stands_apart_from_what_it_does(command):
    outcome = command("--help")
    rows = [row for row in outcome.out.splitlines() if row.startswith("  ")]
    assert outcome.code == 0
    assert [row.split()[0] for row in rows] == list(COMMANDS)
    assert len({row.index(one.help) for row, one in zip(rows, COMMANDS.values(), strict=True)}) == 1


def test_report_and_doctor_say_that_they_take_lines():
    assert "lines" in COMMANDS["report"].help and "lines" in COMMANDS["doctor"].help
