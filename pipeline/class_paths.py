"""Which classes a config may name: no config can import, call or run anything else.

The policy is jsonargparse's own (`set_parsing_settings`), which checks every import path that a
value gives, in each slot, and where the object is defined too. It refuses all but this list.
"""

import inspect
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import ModuleType

from jsonargparse import Namespace, set_parsing_settings

STRAND = ("datasets", "models")  # of these, the names in __all__
LIBRARIES = (
    "albumentations",
    "lightning_fabric.plugins",
    "pytorch_lightning.accelerators",
    "pytorch_lightning.callbacks",
    "pytorch_lightning.loggers",
    "pytorch_lightning.plugins",
    "pytorch_lightning.profilers",
    "pytorch_lightning.strategies",
)
OPTION = "--allow_import"

_allowed: list[str] = []

set_parsing_settings(
    import_path_denylist=["*"],
    import_path_allowlist=[*STRAND, *LIBRARIES],
    instantiate_subclass_spec_in_any=False,
)


def allow_imports(modules: Sequence[str]) -> None:
    """Allow the classes of these modules, and of no others that were allowed before, and import
    them. They are looked for in the working folder too, after all other places.

    Raises ValueError for what is no module's name, and for a module that cannot be imported.
    """
    fixed = {*STRAND, *LIBRARIES}
    for module in modules:
        if not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(f"{OPTION} {module!r}: give a module, such as mypackage.cells")
    if modules and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for module in modules:
        import_own(module)
    set_parsing_settings(
        import_path_denylist=[module for module in _allowed if module not in fixed],
        import_path_allowlist=list(modules),
    )
    _allowed[:] = modules


def allowed_imports() -> list[str]:
    """Return the option for each module that was allowed, to give to another process."""
    return [f"{OPTION}={module}" for module in _allowed]


def is_allowed(module: str) -> bool:
    """Whether the user has allowed a module, or a package that it is in."""
    return any(module == allowed or module.startswith(f"{allowed}.") for allowed in _allowed)


def find_allowed(path: str) -> object | None:
    """Return what an import path names in the modules that were allowed; None if it is in none.

    Raises ValueError if its module cannot be imported.
    """
    module, _, name = path.rpartition(".")
    if not is_allowed(module):
        return None
    return getattr(import_own(module), name, None)


def import_own(module: str) -> ModuleType:
    """Import a module of the user's. Raises ValueError, with the line of its error, if it fails."""
    try:
        return import_module(module)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        own = "" if last.filename.startswith("<") else f" at line {last.lineno} of {last.filename}"
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{OPTION} {module}: cannot be imported ({reason}{own})") from error


def check_classes(options: object) -> None:
    """Raise TypeError, in jsonargparse's form, unless all that parsed options name are classes that
    a config may name: no functions, methods or instances, and of Strand's own only exported ones.
    """
    for key, found in named_objects(options):
        path = found if isinstance(found, str) else f"{found.__module__}.{found.__qualname__}"
        if not isinstance(found, str) or not is_usable(found):
            raise TypeError(f'Parser key "{key}": {refusal(path)}')


def named_objects(options: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Yield (key, path) of each class_path in nested options, and (key, function) of each function
    that a path was resolved to.
    """
    if inspect.isroutine(options):
        yield key, options
    elif isinstance(options, list | tuple):
        for item in options:
            yield from named_objects(item, key)
    elif isinstance(options, dict | Namespace):
        values = options if isinstance(options, dict) else vars(options)
        if isinstance(values.get("class_path"), str):
            yield key, values["class_path"]
        for name, value in values.items():
            inner = key if name == "init_args" else f"{key}.{name}".lstrip(".")
            yield from named_objects(value, inner)


def is_usable(path: str) -> bool:
    """Whether an import path, already allowed, is that of a class, and exported if Strand's."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        return False  # a method of a class
    package = import_module(module.partition(".")[0])
    if not inspect.isclass(found) or package.__name__ not in STRAND:
        return inspect.isclass(found)
    name = found.__name__
    return name in package.__all__ and getattr(package, name) is found


def refusal(path: str) -> str:
    """Return the message for a path that a config may not name."""
    if path.startswith("lightning.pytorch."):
        here = path.replace("lightning.pytorch", "pytorch_lightning", 1)
        return f"'{path}' is in the package lightning, which Strand does not use; give {here}"
    return (
        f"'{path}' is no class that a config may name: those are the ones that datasets and models "
        "export, Albumentations' and Lightning's; for others that you trust, name their module on "
        f"the command line: {OPTION} MODULE"
    )
