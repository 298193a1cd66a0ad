"""Which samples are to train on, to validate and to test on: by folders, and by whole groups."""

from .folders import (
    FOLDER,
    SPLIT_FOLDERS,
    called_as_splits,
    folder_of,
    folders_in,
    no_folder_error,
    note_divided_folders,
    split_folders,
)
from .groups import IndivisibleError, assign_splits, split_groups

__all__ = [
    "FOLDER",
    "SPLIT_FOLDERS",
    "IndivisibleError",
    "assign_splits",
    "called_as_splits",
    "folder_of",
    "folders_in",
    "no_folder_error",
    "note_divided_folders",
    "split_folders",
    "split_groups",
]
