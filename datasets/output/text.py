"""Text that is safe to show: one line each, without characters that control a terminal.

Names of files and labels of data are anyone's: an escape sequence in one could rewrite the screen,
a line break could forge a row. All text for a terminal, or for a table, goes through this module.
"""

import json
import re
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
# C0 and C1 controls, and those that reorder what follows ("Trojan Source", CVE-2021-42574)
CONTROLS = [*map(chr, (*range(32), *range(0x7F, 0xA0), *range(0x202A, 0x202F)))]
CONTROLS += map(chr, range(0x2066, 0x206A))
ESCAPES = {
    ord(c): f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in CONTROLS
} | dict.fromkeys(map(ord, SPACES), " ")
JSON_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in [*CONTROLS, "\u2028", "\u2029"] if c >= " "}
FORMULA = re.compile(r"'*\s*[=+\-@]")  # what a spreadsheet computes, if no quote is before it


def clean(text: str) -> str:
    """The text in one line: white space that breaks one becomes a space, controls `\\x1b`."""
    return text.translate(ESCAPES)


def to_json(value: object) -> str:
    """JSON in one line, with the same content and every control character escaped."""
    return json.dumps(value, ensure_ascii=False).translate(JSON_ESCAPES)


def table_cell(value: object) -> object:
    """A cell of a CSV table: clean, and text that a spreadsheet would compute behind a quote.

    Text that is behind quotes already gets one more, so that `cell_text` finds what was written.
    """
    if not isinstance(value, str):
        return value
    value = clean(value)
    return f"'{value}" if is_formula(value) else value


def cell_text(cell: str) -> str:
    """The text for which `table_cell` has written this cell."""
    return cell[1:] if cell.startswith("'") and is_formula(cell[1:]) else cell


def is_formula(text: str) -> bool:
    """Whether a text is one that a spreadsheet would compute, maybe behind quotes."""
    return FORMULA.match(text) is not None and not is_number(text)


def is_number(text: str) -> bool:
    """Whether a text is a number, such as -0.5."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def counted(number: int, noun: str) -> str:
    """A number with what it counts: 1 page, 1,200 pages."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def print_lines(*lines: str, file: IO[str] | None = None) -> None:
    """Print each line, cleaned. file: default standard output."""
    for line in lines:
        print(clean(line), file=file or sys.stdout)


def print_notes(*lines: str) -> None:
    """Print each line, cleaned, to standard error."""
    print_lines(*lines, file=sys.stderr)


def print_error(error: object) -> None:
    """Print `error: ...` in one line to standard error."""
    print_notes(f"error: {error}")


def make_console(**options) -> "Console":
    """A rich Console whose texts are cleaned of control characters, in which nothing is markup."""
    from rich.console import Console, RenderHook  # imported here for start-up time

    class Cleaned:
        def __init__(self, content) -> None:
            self.content = content

        def __rich_console__(self, console, options):
            for segment in console.render(self.content, options):
                lines = segment.text.split("\n")
                text = "\n".join(map(clean, lines))
                yield segment if segment.control else segment._replace(text=text)

    class Cleaning(RenderHook):
        def process_renderables(self, renderables):
            return [Cleaned(content) for content in renderables]

    console = Console(**{"markup": False, "highlight": False} | options)
    console.push_render_hook(Cleaning())
    return console
