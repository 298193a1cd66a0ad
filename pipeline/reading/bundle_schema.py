"""The schema of a bundle's metadata: types and bounds, checked before anything is built of it."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Self, get_type_hints

import numpy as np
import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json, to_json
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..scoring.risk_coverage import RiskCoverageCurve
from ..scoring.seen_samples import ROLES, SeenSamples
from ..scoring.string_confidence import StringCalibration
from ..scoring.temperature import Calibration
from ..scoring.temperature import Decoder as DecoderName

FORMAT = 2  # 2: with the digests of seen samples
SEEN_VERSION = 1  # raise it when readers decode or normalise otherwise: old digests find nothing
SEEN = "seen."  # of the names of the tensors with digests
FIELDS = {"parts", "labels", "reader", "scores", "card"}
REQUIRED_PARTS = {"encoder", "recurrent", "head"}
MAX_NUMBER = 2**24  # of an option; such as ids of a vocabulary
MAX_ITEMS = 256  # numbers in a list, such as channels
MAX_SEARCH = 4096  # strings times symbols tried in a step of the search: milliseconds
# smaller limits: what costs time or memory beside the weights, whose sizes are those of the file
LIMITS = {
    "batch_size": 2**16,
    "channels": 2**16,
    "folds": 2**10,
    "grid": 2**8,
    "height": 2**12,
    "max_width": 2**20,
    "ngrams": 2**6,
    "num_layers": 2**7,
    "refinement_layers": 2**5,
    "runs": 2**8,
    "stages": 2**6,
    "width": 2**12,
}
STRICT = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid")

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=-1000, le=1000)]
Label = Annotated[str, Field(min_length=1, max_length=10_000)]


class Part(BaseModel):
    """A class of Strand and its constructor's options."""

    model_config = STRICT

    name: str = Field(alias="class", max_length=200)
    options: dict[str, JsonValue]


class Decoder(BaseModel):
    """The options of a `BeamSearch`."""

    model_config = STRICT

    alpha: Weight
    beta: Weight
    width: int = Field(ge=1, le=1000)
    threshold: Share
    certain: Annotated[float, Field(ge=0, le=1000)]  # above 1: no step is
    margin: Share
    word_bonus: Weight
    lexicon: list[str]


class Curve(BaseModel):
    """The fields of a `RiskCoverageCurve`."""

    model_config = STRICT

    thresholds: list[float]
    counts: list[int]
    wrong: list[int]


class Strings(BaseModel):
    """The fields of a `StringCalibration`."""

    model_config = STRICT

    slope: float = 1.0
    offset: float = 0.0
    curve: Curve


class CalibrationFields(BaseModel):
    """The fields of a `Calibration`."""

    model_config = STRICT

    temperature: float = 1.0
    strings: dict[DecoderName, Strings] = {}


class Seen(BaseModel):
    """What `SeenSamples` holds beside the digests."""

    model_config = STRICT

    version: int
    complete: bool


class Metadata(BaseModel):
    """All that a bundle says beside its weights; fields of later versions are let pass."""

    model_config = ConfigDict(strict=True, extra="allow")

    format: int = Field(ge=1)
    parts: dict[str, Part]
    labels: list[Label] = Field(min_length=1, max_length=MAX_NUMBER)
    reader: Part
    scores: dict[str, float]  # may be nan: a score without any sample
    card: dict[str, JsonValue]
    decoder: Decoder | None = None
    seen: Seen | None = None

    @model_validator(mode="after")
    def bound_the_search(self) -> Self:
        """A step of the search costs `width` times the symbols that may be above `threshold`."""
        if self.decoder is not None:
            tried = min(len(self.labels), 1 / max(self.decoder.threshold, 1e-9))
            if self.decoder.width * tried > MAX_SEARCH:
                raise ValueError(
                    f"a search of width {self.decoder.width} that tries {tried:.0f} symbols a step"
                )
        return self


def read_metadata(path: Path) -> dict:
    """The JSON metadata of a bundle, as the schema has it.

    Raises ValueError if the file is not a bundle, is damaged, or has a newer format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"{path}: not a bundle, or a truncated one ({path.stat().st_size} bytes; {error}); "
            "copy it again"
        ) from error
    if "strand" not in metadata:
        raise ValueError(f"{path}: a safetensors file, but not a Strand bundle; `fit` writes those")
    try:
        content = from_json(metadata["strand"])
        version = int(content["format"])
        missing = FIELDS - content.keys() | REQUIRED_PARTS - content.get("parts", {}).keys()
    except (
        ArithmeticError,
        AttributeError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(f"{path}: damaged metadata ({error}); copy the bundle again") from error
    if version > FORMAT:
        raise ValueError(
            f"{path}: bundle format {version}, this Strand reads up to {FORMAT}; update Strand"
        )
    if missing:
        raise ValueError(f"{path}: the metadata lacks {', '.join(sorted(missing))}; copy it again")
    fields = checked(lambda: Metadata.model_validate(content), f"{path}: damaged metadata")
    check_unique(fields.labels, path)
    return fields.model_dump(by_alias=True, exclude_unset=True)


def checked(validate: Callable[[], Any], what: str) -> Any:
    """Return the validated value. Raises ValueError, which begins with `what`."""
    try:
        return validate()
    except ValidationError as error:
        raise ValueError(f"{what} ({explain(error)}); copy the bundle again") from error


def explain(error: ValidationError) -> str:
    """Return where the first errors are and what they are, in one line."""
    first = [
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ")
        for one in error.errors(include_url=False, include_input=False)[:2]
    ]
    more = f"; {error.error_count() - 2} more" if error.error_count() > 2 else ""
    return "; ".join(first)[:300] + more


def check_unique(labels: list[str], path: Path) -> None:
    """Raise ValueError if a label is there twice: its scores would be those of either."""
    if len(set(labels)) < len(labels):
        twice = Counter(labels).most_common(1)[0][0]
        raise ValueError(f"{path}: two labels are {twice!r}; copy the bundle again")


def read_calibration(content: dict, path: Path) -> Calibration:
    """The calibration in a bundle's metadata; the default for older bundles without one.

    Raises ValueError if it is damaged.
    """
    what, given = f"{path}: damaged calibration", content.get("calibration", {})
    fields = checked(lambda: CalibrationFields.model_validate(given), what)
    try:
        strings = {
            name: StringCalibration(one.slope, one.offset, RiskCoverageCurve(**dict(one.curve)))
            for name, one in fields.strings.items()
        }
        return Calibration(fields.temperature, strings)
    except ValueError as error:
        raise ValueError(f"{what} ({error}); copy the bundle again, or update Strand") from error


def seen_metadata(seen: SeenSamples | None) -> tuple[dict, dict[str, Tensor]]:
    """Metadata and tensors that a bundle stores of seen samples; both empty for None."""
    if seen is None:
        return {}, {}
    tensors = {  # not all that reads safetensors knows uint64
        SEEN + role: torch.from_numpy(digests.view(np.int64).copy())
        for role, digests in seen.digests.items()
    }
    return {"seen": {"version": SEEN_VERSION, "complete": seen.complete}}, tensors


def read_seen(content: dict, weights: dict[str, Tensor], path: Path) -> SeenSamples | None:
    """The seen samples of a bundle, whose tensors are removed from `weights`.

    None for older bundles without them, and if their digests are of another version. Raises
    ValueError if they are damaged.
    """
    tensors = {key: weights.pop(key) for key in list(weights) if key.startswith(SEEN)}
    seen = content.get("seen")
    if seen is None or seen["version"] != SEEN_VERSION:
        return None
    digests = {}
    for key, tensor in tensors.items():
        role = key.removeprefix(SEEN)
        if role not in ROLES or tensor.dtype != torch.int64 or tensor.ndim != 1:
            raise ValueError(f"{path}: damaged digests of samples ({key}); copy the bundle again")
        digests[role] = tensor.numpy().view(np.uint64)
    return SeenSamples(digests, seen["complete"])


def check_options(cls: type, options: dict[str, Any], path: Path) -> None:
    """Check the options of a part by the types of its constructor, and their sizes.

    Raises ValueError for a wrong type, and for numbers and lists beyond the limits.
    """
    hints = get_type_hints(cls.__init__)
    for name in inspect.signature(cls).parameters:
        if name in options and name in hints:
            given = to_json(options[name])
            adapter = TypeAdapter(hints[name], config=STRICT)
            checked(lambda: adapter.validate_json(given), f"{path}: {cls.__name__}, {name}")  # noqa: B023
    for name, number in numbers(options):
        limit = LIMITS.get(name, MAX_NUMBER)
        if abs(number) > limit:
            raise ValueError(
                f"{path}: {cls.__name__}, {name} {number}: at most {limit} here; copy the bundle "
                "again"
            )


def numbers(options: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield (name, number) for each number of options; the length of a list of numbers counts."""
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        found = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        yield from ((name, number) for number in found)
        if isinstance(value, list) and len(found) > MAX_ITEMS:
            yield f"length of {name}", float("inf")


def default_options(thing) -> dict:
    """The constructor options of a part that have defaults."""
    parameters = inspect.signature(type(thing)).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def describe_part(spec: dict) -> str:
    """One-line description of a part spec; long options (a vocabulary) are truncated."""
    return f"{spec['class']} {str(spec['options'])[:200]}"
