"""The list of commands in the help."""

from pipeline.cli import COMMANDS, split_option


def test_the_help_texts_are_aligned_in_one_column(command):
    outcome = command("--help")
    rows = [row for row in outcome.out.splitlines() if row.startswith("  ")]
    assert outcome.code == 0
    assert [row.split()[0] for row in rows] == list(COMMANDS)
    assert len({row.index(c.help) for row, c in zip(rows, COMMANDS.values(), strict=True)}) == 1


def test_the_help_of_report_and_doctor_mentions_lines():
    assert "lines" in COMMANDS["report"].help and "lines" in COMMANDS["doctor"].help


def test_a_misspelt_command_gets_a_suggestion(command):
    outcome = command("pridict")
    assert outcome.code == 2 and "no command 'pridict'; did you mean 'predict'?" in outcome.err
    assert "no command 'zzz'; choose one of fit, " in command("zzz").err


def test_options_of_all_commands_are_taken_from_among_the_others():
    assert split_option(["fit", "--of", "a.b", "-c", "x", "--of=c"], "--of") == (
        ["a.b", "c"], ["fit", "-c", "x"],
    )  # fmt: skip
    assert split_option(["fit", "--of"], "--of") == ([""], ["fit"])
