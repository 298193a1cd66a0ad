"""Messages of jsonargparse reduced to the full key, the reason and a suggestion."""

import pytest

from pipeline.parsing import (
    StrictParser,
    explain,
    known_keys,
    misread_scalars,
    read_config_text,
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


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
ENDLESS = {
    "more than 100 levels": "data: " + "[" * 5000 + "]" * 5000,
    "more than 100 levels; no": "{a: " * 3000 + "1" + "}" * 3000,
    "more than 1,000,000 values": LAUGHS + "data: {source: *a11}\n",
    "not UTF-8 at byte 6": b"data: \xff",
}


@pytest.mark.parametrize("says", ENDLESS)
def test_a_config_that_never_ends_is_refused(command, bundle_file, tmp_path, says):
    path = tmp_path / "c.yaml"
    content = ENDLESS[says]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=rf"c\.yaml: {says}"):
        read_config_text(path)
    for arguments in (["fit", "-c"], ["compare"], ["doctor", "--config"],
                      ["evaluate", "--model", bundle_file, "--config"]):  # fmt: skip
        outcome = command(*arguments, path)
        assert outcome.code == 2 and "error: " in outcome.err and says in outcome.err


def test_aliases_of_a_config_are_read(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: &a [1, 2]\nb: {c: *a, d: *a}\nbroken: [", "utf-8")
    assert read_config_text(path) == path.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: http://127.0.0.1/x.yaml", "data: http://127.0.0.1/x.yaml: write its options here"),
        ("model: other.yaml", "model: other.yaml: write its options here"),
        ("ckpt_path: ' https://a.b/x.ckpt'", "a URL; download it and give the file"),
        ("checkpoint: {dirpath: /tmp}", "dirpath: /tmp: where to write is said on the command"),
        ("trainer: {callbacks: [{init_args: {save_dir: x}}]}", "save_dir: x: where to write"),
        ("notes: &a [*a]", r"\*a stands in &a itself"),
        ("a: &a {b: &b [1, *a]}", r"\*a stands in &a itself"),
    ],
)
def test_what_no_config_may_name(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_config_text(path)


def test_a_config_of_a_run_is_read_again(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("checkpoint: {dirpath: null}\ndata: {source: {root: a//b}}\n", "utf-8")
    assert read_config_text(path).startswith("checkpoint")
