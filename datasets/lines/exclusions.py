"""Lists of lines to leave out, as the doctor writes them: file TAB reason."""

from collections.abc import Collection
from pathlib import Path

from ..paths import resolve
from ..source import Problem


def read_exclusions(path: str | None) -> dict[str, str]:
    """A UTF-8 list -> file name: reason ("" where none is given). None is an empty list.

    Raises FileNotFoundError, or ValueError for a file that is no such list.
    """
    if path is None:
        return {}
    file = resolve(path)
    try:
        rows = file.read_text(encoding="utf-8-sig").split("\n")
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise ValueError(f"{file}: no UTF-8 list of lines to leave out ({error})") from error
    pairs = (row.partition("\t") for row in rows if row.strip())
    return {name: reason for name, _, reason in pairs}


def unknown_names(path: str, called: Collection[str]) -> Problem | None:
    """A note on names of a list that are none of `called`, all that its lines may be called.

    Raises ValueError if that is true of each.
    """
    names = list(read_exclusions(path))
    unknown = [name for name in names if name not in called]
    if not unknown:
        return None
    told = f"{path}: {len(unknown)} of its {len(names)} names are no line's, such as {unknown[0]!r}"
    if len(unknown) == len(names):
        line = min(called, default="none")
        raise ValueError(
            f"{told}; lines are called such as {line!r}; write them so, or remove leave_out"
        )
    return Problem(unknown[0], f"{told}; correct or remove them")


def names_of(image: Path, root: str) -> list[str]:
    """What a list may call an image of a folder: inside the folder, its path, or root and inside.

    root: the folder, or its label file, as a LineFolder has it.
    """
    base = resolve(root)
    base, given = (base.parent, str(Path(root).parent)) if base.is_file() else (base, root)
    if not image.is_relative_to(base):
        return [str(image)]
    inside = image.relative_to(base).as_posix()
    return [inside, str(image), f"{given.rstrip('/')}/{inside}"]
