"""Finding bundles: by path, by name in models/zoo, and what they are called in reports."""

from pathlib import Path

BEST = "best.safetensors"  # the bundle in a run folder, written by `fit`
ZOO = Path(__file__).resolve().parents[2] / "models" / "zoo"


def find_bundle(name: str) -> Path:
    """Path of a bundle given by its path or its name in models/zoo.

    Raises FileNotFoundError, which lists the shipped bundles for an unknown name, and points at the
    bundle of the run for a checkpoint or a folder.
    """
    path, shipped = Path(name), ZOO / f"{name}.safetensors"
    if path.suffix == ".ckpt" or (path.is_dir() and not shipped.is_file()):
        raise FileNotFoundError(f"no such bundle: {path} is {refuse_run_part(path)}")
    if path.suffix == ".safetensors" or path.is_file():
        if not path.is_file():
            raise FileNotFoundError(f"no such bundle: {path}")
        return path
    if not shipped.exists():
        known = ", ".join(sorted(p.stem for p in ZOO.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(
            f"no bundle '{name}'; shipped are: {known}; or give a .safetensors file"
        )
    return shipped


def refuse_run_part(path: Path) -> str:
    """Why a checkpoint or a folder is no bundle, and which file of the run is."""
    kind = "a folder" if path.is_dir() else "a checkpoint, to go on training from"
    run = path if path.is_dir() else path.parent
    if run.name == "checkpoints":
        run = run.parent
    bundle = run / BEST
    there = f"give {bundle}" if bundle.is_file() else f"there is no {bundle} yet; `fit` writes it"
    return f"{kind}; {there}"


def bundle_name(path: str | Path) -> str:
    """Name of a bundle in reports and tables: its file's, or of a run's best.safetensors the run's.

    path: of the bundle, or its name in models/zoo.
    """
    path = Path(path)
    stem = path.stem if path.suffix == ".safetensors" else path.name
    return (path.resolve().parent.name or stem) if path.name == BEST else stem
