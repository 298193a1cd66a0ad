"""Messages of jsonargparse reduced to the full key, the reason and a suggestion."""

import pytest

from datasets.limits.pixels import LIMIT, MAX_PIXELS, set_max_pixels
from datasets.limits.roots import ALLOWED
from pipeline.class_paths import allow_imports
from pipeline.config_files import read_config_text
from pipeline.parsing import (
    StrictParser,
    common_options,
    explain,
    known_keys,
    misread_scalars,
    similar_key,
)

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
        "did you mean 'height'? It takes height, max_width, stretch, order, crop"
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


def test_the_options_of_all_commands_are_handed_on(monkeypatch):
    monkeypatch.setenv(LIMIT, str(MAX_PIXELS))
    monkeypatch.setenv(ALLOWED, "1")
    assert common_options() == ["--allow_outside"]
    set_max_pixels(200_000_000)
    allow_imports(["tests"])
    try:
        assert common_options() == [
            "--allow_import=tests", "--allow_outside", "--max_pixels=200000000"
        ]  # fmt: skip
    finally:
        allow_imports([])


INVALID = [
    ("HorizontalFlip, init_args: {p: 3}", "p: Input should be less than or equal to 1, given 3"),
    ("HistogramMatching, init_args: {reference_images: [x], read_fn: null}", "read_fn cannot"),
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("options", "says"), INVALID)
def test_what_pydantic_refuses_is_one_line(command, options, says):
    augmentations = f"[{{class_path: albumentations.{options}}}]"
    outcome = command("fit", "-c", "words.yaml", f"--data.augmentations={augmentations}")
    assert outcome.code == 2 and f"error: options of a class: {says}" in outcome.err
    assert "errors.pydantic.dev" not in outcome.err and "; correct the config\n" in outcome.err


KEYS = ["model.recurrent", "model.encoder", "trainer.max_epochs", "data.source"]
SIMILAR = [
    ("model.recurent.hidden_size", "model.recurrent.hidden_size"),
    ("model.recurent", "model.recurrent"),
    ("data.sorce.init_args.root", "data.source.init_args.root"),
    ("trainer.max_epoch", "trainer.max_epochs"),
    ("model.recurrent.hidden_size", ""),  # the part itself is known
    ("zebra.x", ""),
]


@pytest.mark.parametrize(("key", "meant"), SIMILAR)
def test_a_misspelt_part_is_found_before_its_options(key, meant):
    assert similar_key(key, KEYS) == meant


def test_scalars_that_are_no_text_keep_how_they_are_written():
    text = "labels: [on, off, 'no', waiting]\ntest: [0412, \"0413\"]\nday: {of: 2020-06-27}\nx: yes"
    assert misread_scalars([text, "a: [", "--format"]) == {
        "True": ["on", "yes"], "False": ["off"], "266": ["0412"], "2020-06-27": ["2020-06-27"],
    }  # fmt: skip


def test_a_value_that_should_be_text_is_to_be_quoted():
    message = "Parser key \"data.test\":\n  Expected a <class 'str'>. Got value: 266"
    assert explain(message, [], {"266": ["0412"]}) == (
        "data.test: Expected a str. Got value: 266 (YAML reads 0412 as 266); it must be text: put "
        'it in quotes, "0412"'
    )


@pytest.mark.parametrize("kind", ["Literal['train', 'validation', 'test']", "Literal['a']"])
def test_a_choice_that_is_cut_short_is_completed(kind):
    plain = f'Parser key "split":\n  Expected a typing.{kind}. Got value: val'
    union = (
        'Parser key "split":\n  Does not validate against any of the Union subtypes\n'
        f"  Subtypes: [typing.{kind}, <class 'NoneType'>]\n  Errors:\n"
        f"    - Expected a typing.{kind}\n    - Expected a <class 'NoneType'>\n"
        "  Given value type: <class 'str'>\n  Given value: val"
    )
    end = "; did you mean 'validation'?" if "validation" in kind else ""
    assert explain(plain, []) == f"split: Expected a {kind}. Got value: val{end}"
    assert explain(union, []) == f"split: Expected a {kind}{end}"


def test_a_split_cut_short_is_named(command):
    code, _, err = command("evaluate", "--model", "m", "--data", "d", "--split", "val")
    assert code == 2 and err.endswith("; did you mean 'validation'?\n")
    code, _, err = command("predict", "a.png", "--format", "json")
    assert code == 2 and err.endswith("; did you mean 'jsonl'?\n")


@pytest.mark.parametrize("value", ["2020-02-30", "0x_"])
def test_a_value_that_yaml_cannot_read_is_named_with_its_key(command, tmp_path, value):
    path = tmp_path / "c.yaml"
    path.write_text(f"day: 2020-02-28\ndata:\n  source: {{validation: [a, {value}]}}\n", "utf-8")
    says = rf'c\.yaml: data\.source\.validation: {value}: no value of YAML \(.*quotes.*, "{value}"'
    with pytest.raises(ValueError, match=says):
        read_config_text(path)
    code, _, err = command("fit", "-c", path)
    assert code == 2 and "data.source.validation: " in err
