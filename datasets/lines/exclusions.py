"""Read lists of lines to leave out, as `doctor --fix` writes them: file TAB reason."""

from collections.abc import Collection
from pathlib import Path

from ..files import compose, resolve_data_path
from ..source import Problem


def read_exclusions(path: str | None) -> dict[str, str]:
    """Read a UTF-8 list as {file name: reason}, "" if no reason is given; {} if `path` is None.

    Raises FileNotFoundError, or ValueError if the file is not UTF-8 text.
    """
    if path is None:
        return {}
    file = resolve_data_path(path)
    try:
        rows = file.read_text(encoding="utf-8-sig").split("\n")
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise ValueError(f"{file}: no UTF-8 list of lines to leave out ({error})") from error
    pairs = (row.partition("\t") for row in rows if row.strip())
    return {compose(name): reason for name, _, reason in pairs}


def note_unknown_names(path: str, known: Collection[str]) -> Problem | None:
    """Return a note on the names of a list that are not in `known`, all names of its lines.

    None if there are none. Raises ValueError if no name of the list is known.
    """
    names = list(read_exclusions(path))
    unknown = [name for name in names if name not in known]
    if not unknown:
        return None
    note = f"{path}: {len(unknown)} of its {len(names)} names are no line's, such as {unknown[0]!r}"
    if len(unknown) == len(names):
        line = min(known, default="none")
        raise ValueError(
            f"{note}; lines are called such as {line!r}; write them so, or remove leave_out"
        )
    return Problem(unknown[0], f"{note}; correct or remove them")


def names_in_list(image: Path, root: str) -> list[str]:
    """Return the names that a list may use for an image of a folder.

    They are, in NFC, the path within the folder, the full path, and the folder as given plus the
    former. root: the folder or its label file, as in LineFolder.
    """
    folder = resolve_data_path(root)
    if folder.is_file():
        folder, root = folder.parent, str(Path(root).parent)
    if not image.is_relative_to(folder):
        return [compose(str(image))]
    inside = image.relative_to(folder).as_posix()
    return list(map(compose, (inside, str(image), f"{root.rstrip('/')}/{inside}")))
