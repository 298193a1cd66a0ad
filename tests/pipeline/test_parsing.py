"""Messages of jsonargparse reduced to the full key, the reason and a suggestion."""

import pytest

from pipeline.parsing import StrictParser, explain, known_keys

NESTED = """Parser key "data.source":
  Problem with given class_path 'datasets.Mixture':
    Parser key "sources":
      Problem with given class_path 'datasets.LineReader':
        Option 'hight' is not accepted"""
UNION = """Parser key "data.list":
  Does not validate against any of the Union subtypes
  Subtypes: [list[int], <class 'NoneType'>]
  Errors:
    - Expected a <class 'int'>. Got value: x
    - Expected a <class 'NoneType'>
  Given value type: <class 'list'>
  Given value: ['x']"""
GIVEN = """Parser key "model.head":
  Type collections.abc.Callable[[int], models.Head] expects a function or a callable class: \
Expected 'A' to be a subclass of <class 'Head'>.. Got value: Namespace(class_path='A', b=(1,))"""
MESSAGES = [
    (UNION, "data.list: Expected a int. Got value: x"),
    (GIVEN, "model.head: Expected 'A' to be a subclass of Head"),
    ("Subcommand 'fit' does not accept option 'model.siz'", "no option 'model.siz'; did you mean "
     "'model.size'?"),
    ("unrecognized arguments: --name=3 x", "no option 'name'"),
    ("a reason\n  on two lines", "a reason on two lines"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "explanation"), MESSAGES)
def test_a_message_becomes_one_line(message, explanation):
    assert explain(message, ["model.size", "model.depth"]) == explanation


def test_an_unknown_option_lists_those_of_its_class():
    import datasets

    assert datasets.LineReader.__name__ == "LineReader"
    assert explain(NESTED, []) == (
        "data.source.sources: Option 'hight' is not accepted by datasets.LineReader; "
        "it takes height, max_width, stretch"
    )


@pytest.fixture
def parser() -> StrictParser:
    parser = StrictParser(usage="run it")
    parser.add_argument("--size", type=int, default=1)
    return parser


def test_abbreviations_are_refused(parser, capsys):
    assert parser.parse_args(["--size=3"]).size == 3
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--siz=3"])
    assert stop.value.code == 2
    assert (
        capsys.readouterr().err == "usage: run it\nerror: no option 'siz'; did you mean 'size'?\n"
    )


def test_a_parser_without_exit_on_error_raises(parser):
    parser.exit_on_error = False
    with pytest.raises(Exception, match="Expected a <class 'int'>"):
        parser.parse_args(["--size=x"])


def test_keys_of_commands_are_known(parser):
    main = StrictParser()
    main.add_subcommands().add_subcommand("go", parser)
    assert "size" in known_keys(main)
