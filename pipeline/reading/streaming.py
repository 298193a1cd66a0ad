"""A network that reads frames piece by piece, in memory that does not grow with the film.

`Stream` carries the state of a network that reads forward: the logits of each piece at once, equal
to those of one run over the whole. `read_film` reads what is too long for one run: a network that
reads both ways sees each stretch with its surroundings, which comes close to one run.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from models import (
    Head,
    LineCNN,
    MovingMean,
    RecurrentStack,
    SequenceClassificationHead,
    SequenceModel,
    TokenCNN,
    TokenEvidence,
)
from models.encoders.images import Encoder
from models.heads.labels import Label, StepLabels, Text
from models.recurrent.stack import State

from .chunks import JoinedReading

WINDOW = 1024  # steps that a network reading both ways labels at once
HALO = 256  # steps that it sees on either side of them: 10 s of a film of 25 frames a second
FEATURE_BYTES = 256_000_000  # of a clip that must be seen whole
MIXING = (LineCNN, TokenCNN, TokenEvidence)  # encoders whose steps see later inputs


class ChunkedEncoder:
    """An encoder over pieces: the last `context` inputs of a piece stand before the next one."""

    def __init__(self, encoder: Encoder):
        self.encoder, self.context = encoder, encoder.context
        self.before: Tensor | None = None

    def feed(self, inputs: Tensor) -> Tensor:
        """(T, ...) -> features (1, T, D)."""
        seen = inputs if self.before is None else torch.cat([self.before, inputs])
        features, _ = self.encoder(seen[None], full_length(seen[None]))
        if self.context:
            self.before = seen[-self.context :]
        return features[:, len(seen) - len(inputs) :]


class ChunkedStack:
    """Encoder and recurrent stack over pieces, the stack's state carried on.

    Raises ValueError for a stack that does not read forward only.
    """

    def __init__(self, model: SequenceModel):
        if not is_unidirectional(model):
            raise ValueError(
                f"a network with direction '{model.recurrent.direction}' must see the end before "
                "the start; train one with direction: forward to read a stream"
            )
        self.encoder, self.recurrent = ChunkedEncoder(model.encoder), model.recurrent
        self.state: State | None = None

    def feed(self, inputs: Tensor) -> Tensor:
        """(T, ...) -> features (1, T, D)."""
        features = self.encoder.feed(inputs)
        if self.recurrent.num_layers:
            features, self.state = self.recurrent.step(features, self.state)
        return features


class Stream:
    """Reads on where the last piece ended. Any pieces give the logits of one run over all.

    Raises ValueError for a network that has to see later steps before it can answer.
    """

    def __init__(self, model: SequenceModel):
        check_steps(model)
        self.stack, self.head = ChunkedStack(model), model.head
        if self.head.lookahead:
            raise ValueError(
                f"this {type(self.head).__name__} looks {self.head.lookahead} steps ahead; train "
                "one with causal: true to read a stream"
            )
        self.before: Tensor | None = None  # (1, up to context, D) features that the head still sees

    @torch.inference_mode()
    def feed(self, inputs: Tensor) -> Tensor:
        """The next inputs (T, ...), T >= 1 -> their logits (T, classes of the head)."""
        features = self.stack.feed(inputs)
        seen = features if self.before is None else torch.cat([self.before, features], 1)
        if self.head.context:
            self.before = seen[:, -self.head.context :]
        return self.head(seen, full_length(seen))[0, seen.shape[1] - len(inputs) :]


def read_chunks(
    model: SequenceModel, pieces: Iterable[Tensor], window: int = WINDOW, halo: int = HALO
) -> Iterator[Tensor]:
    """Pieces (T, ...) of one film, T >= 1 -> logits (N, classes), together those of all steps.

    Exact for a stack that reads forward. One that reads both ways reads `window` steps at once with
    `halo` steps more on either side: what lies farther is not seen, so the logits differ a little
    from one run over the whole. One with `segment` is cut at its own segments, and nothing differs.
    """
    check_steps(model)
    reach = max(model.head.context, model.head.lookahead)
    if is_unidirectional(model):
        unit, halo, feed, stack = 1, reach, ChunkedStack(model).feed, None
    else:
        around = model.recurrent.window // 2 if isinstance(model.recurrent, MovingMean) else halo
        unit, halo, stack = model.recurrent.segment or 1, around + reach, model.recurrent
        feed = ChunkedEncoder(model.encoder).feed
    # a wide halo would be read again and again with narrow windows
    window, halo = (-(-size // unit) * unit for size in (max(window, 2 * reach), halo))
    kept, left, steps = [], 0, 0  # features (1, t, D); the first `left` are labelled already
    for piece in pieces:
        with torch.inference_mode():
            kept.append(feed(piece))
        steps += len(piece)
        while steps >= left + window + halo:
            whole, end = torch.cat(kept, 1), left + window
            yield label_steps(stack, model.head, whole[:, : end + halo], left, end)
            left = min(halo, end)
            kept = [whole[:, end - left :].clone()]  # a view would keep all of it alive
            steps = kept[0].shape[1]
    if steps > left:
        yield label_steps(stack, model.head, torch.cat(kept, 1), left, steps)


@torch.inference_mode()
def label_steps(
    stack: RecurrentStack | None, head: Head, features: Tensor, start: int, end: int
) -> Tensor:
    """Features (1, T, D) -> logits (end - start, classes) of these steps."""
    length = full_length(features)
    read = features if stack is None else stack(features, length)
    return head(read, length)[0, start:end]


def is_unidirectional(model: SequenceModel) -> bool:
    return not model.recurrent.num_layers or model.recurrent.direction == "forward"


def check_steps(model: SequenceModel) -> None:
    """Raises ValueError unless every input step gets logits of its own."""
    if isinstance(model.head, SequenceClassificationHead) or model.wide is not None:
        raise ValueError(
            "this network gives one label for the whole, which it must see at once; use one that "
            "labels every step (TokenClassificationHead) or reads a string (CTCHead)"
        )
    if isinstance(model.recurrent, MovingMean) and model.recurrent.window is None:
        raise ValueError(
            "a mean over all steps must see them at once; give its window a number of steps"
        )
    if isinstance(model.encoder, MIXING):
        raise ValueError(
            f"{type(model.encoder).__name__} looks at later inputs too; read piece by piece are "
            "networks whose encoder takes each step by itself, such as FrameCNN"
        )


@torch.inference_mode()
def read_whole(
    model: SequenceModel,
    pieces: Iterable[Tensor],
    name: str = "this clip",
    bounded: bool = True,
) -> tuple[Tensor, Tensor]:
    """Pieces (T, ...) of one clip -> what the model gives of the whole, (1, ...) and lengths (1,).

    Only the encoder goes piece by piece: a long clip's first convolutions would fill the memory.
    Raises ValueError where even the features would, if `bounded`.
    """
    encoder, features, size = ChunkedEncoder(model.encoder), [], 0
    for piece in pieces:
        features.append(encoder.feed(piece))
        size += features[-1].nbytes
        if bounded and size > FEATURE_BYTES:
            steps = sum(part.shape[1] for part in features)
            raise ValueError(
                f"{name}: too long for a network that gives one label for the whole, its first "
                f"{steps} frames already fill {size // 10**6} MB with features; cut it, or use a "
                "bundle that reads fewer frames (rate_hz, frames) or labels every step"
            )
    whole = torch.cat(features, 1)
    length = full_length(whole)
    return model.head(model.recurrent(whole, length), length), length


def read_long_video(
    model: SequenceModel,
    pieces: Iterable[Tensor],
    decode: Callable[[Tensor, Tensor], list],
    name: str,
) -> Text | Label | StepLabels:
    """Pieces (T, ...) of a long film -> its reading. decode: (logits, lengths) -> readings."""
    if isinstance(model.head, SequenceClassificationHead):
        return decode(*read_whole(model, pieces, name))[0]
    joined = JoinedReading()
    for logits in read_chunks(model, pieces):
        joined.add(decode(logits[None], full_length(logits[None]))[0], len(logits))
    return joined.whole


def full_length(batch: Tensor) -> Tensor:
    """(1, T, ...) -> (1,)."""
    return torch.tensor([batch.shape[1]], device=batch.device)
