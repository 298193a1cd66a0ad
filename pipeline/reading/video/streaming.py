"""Chunked inference over long sequences and live streams, in memory independent of their length.

`Stream` carries the state of a causal (forward) network and returns the logits of each chunk at
once, equal to those of one pass. `read_long_video` reads what is too long for one pass: for a
bidirectional network in overlapping windows with context on both sides, a close approximation.
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

WINDOW = 1024  # steps that a bidirectional network labels at once
HALO = 256  # steps of context on either side of a window: 10 s at 25 frames a second
FEATURE_BYTES = 256_000_000  # maximum for a clip whose features are needed all at once
NON_CAUSAL_ENCODERS = (LineCNN, TokenCNN, TokenEvidence)  # each step depends on later inputs


class ChunkedEncoder:
    """Applies an encoder to chunks, prepending the last `context` inputs of the previous chunk."""

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
    """Applies an encoder and a recurrent stack to chunks, keeping the recurrent state.

    Raises ValueError unless the stack is causal (direction: forward).
    """

    def __init__(self, model: SequenceModel):
        if not is_causal(model):
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
    """Stateful streaming inference: any division into chunks gives the logits of one pass.

    Raises ValueError for a network whose outputs depend on later steps.
    """

    def __init__(self, model: SequenceModel):
        check_steps(model)
        self.stack, self.head = ChunkedStack(model), model.head
        if self.head.lookahead:
            raise ValueError(
                f"this {type(self.head).__name__} looks {self.head.lookahead} steps ahead; train "
                "one with causal: true to read a stream"
            )
        self.before: Tensor | None = None  # (1, up to context, D), the head's left context

    @torch.inference_mode()
    def feed(self, inputs: Tensor) -> Tensor:
        """The next inputs (T, ...), T >= 1 -> their logits (T, number of classes)."""
        features = self.stack.feed(inputs)
        seen = features if self.before is None else torch.cat([self.before, features], 1)
        if self.head.context:
            self.before = seen[:, -self.head.context :]
        return self.head(seen, full_length(seen))[0, seen.shape[1] - len(inputs) :]


def read_chunks(
    model: SequenceModel, chunks: Iterable[Tensor], window: int = WINDOW, halo: int = HALO
) -> Iterator[Tensor]:
    """Chunks (T, ...) of one video, T >= 1 -> logits (N, classes) of consecutive steps.

    Exact for a causal stack. A bidirectional one reads windows of `window` steps with
    `halo` steps of context on either side, so its logits differ a little from those of one pass.
    One with `segment` is cut at its own segment borders and is exact, too.
    """
    check_steps(model)
    reach = max(model.head.context, model.head.lookahead)
    if is_causal(model):
        unit, halo, feed, stack = 1, reach, ChunkedStack(model).feed, None
    else:
        around = model.recurrent.window // 2 if isinstance(model.recurrent, MovingMean) else halo
        unit, halo, stack = model.recurrent.segment or 1, around + reach, model.recurrent
        feed = ChunkedEncoder(model.encoder).feed
    # windows much narrower than the halo would compute the same steps many times
    window, halo = (-(-size // unit) * unit for size in (max(window, 2 * reach), halo))
    kept, left, steps = [], 0, 0  # features (1, t, D); logits of the first `left` were yielded
    for chunk in chunks:
        with torch.inference_mode():
            kept.append(feed(chunk))
        steps += len(chunk)
        while steps >= left + window + halo:
            whole, end = torch.cat(kept, 1), left + window
            yield label_steps(stack, model.head, whole[:, : end + halo], left, end)
            left = min(halo, end)
            kept = [whole[:, end - left :].clone()]  # a view would keep `whole` in memory
            steps = kept[0].shape[1]
    if steps > left:
        yield label_steps(stack, model.head, torch.cat(kept, 1), left, steps)


@torch.inference_mode()
def label_steps(
    stack: RecurrentStack | None, head: Head, features: Tensor, start: int, end: int
) -> Tensor:
    """Features (1, T, D) -> logits (end - start, classes) of the steps from start to end."""
    length = full_length(features)
    outputs = features if stack is None else stack(features, length)
    return head(outputs, length)[0, start:end]


def is_causal(model: SequenceModel) -> bool:
    """Whether no output of the recurrent stack depends on later steps."""
    return not model.recurrent.num_layers or model.recurrent.direction == "forward"


def check_steps(model: SequenceModel) -> None:
    """Raise ValueError unless every input step gets its own logits, independent of later inputs."""
    if isinstance(model.head, SequenceClassificationHead) or model.wide is not None:
        raise ValueError(
            "this network gives one label for the whole, which it must see at once; use one that "
            "labels every step (TokenClassificationHead) or reads a string (CTCHead)"
        )
    if isinstance(model.recurrent, MovingMean) and model.recurrent.window is None:
        raise ValueError(
            "a mean over all steps must see them at once; give its window a number of steps"
        )
    if isinstance(model.encoder, NON_CAUSAL_ENCODERS):
        raise ValueError(
            f"{type(model.encoder).__name__} looks at later inputs too; read piece by piece are "
            "networks whose encoder takes each step by itself, such as FrameCNN"
        )


@torch.inference_mode()
def read_whole(
    model: SequenceModel, chunks: Iterable[Tensor], name: str = "this clip", bounded: bool = True
) -> tuple[Tensor, Tensor]:
    """Chunks (T, ...) of one clip -> the model's outputs for the whole, (1, ...), and lengths (1,).

    Only the encoder runs chunk by chunk, since the first convolutions of a long clip would exhaust
    the memory. If `bounded`, raises ValueError where the features exceed FEATURE_BYTES.
    """
    encoder, features, size = ChunkedEncoder(model.encoder), [], 0
    for chunk in chunks:
        features.append(encoder.feed(chunk))
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
    chunks: Iterable[Tensor],
    decode: Callable[[Tensor, Tensor], list],
    name: str,
) -> Text | Label | StepLabels:
    """Chunks (T, ...) of a long video -> its reading. decode: (logits, lengths) -> readings."""
    if isinstance(model.head, SequenceClassificationHead):
        return decode(*read_whole(model, chunks, name))[0]
    joined = JoinedReading()
    for logits in read_chunks(model, chunks):
        joined.add(decode(logits[None], full_length(logits[None]))[0], len(logits))
    return joined.whole


def full_length(batch: Tensor) -> Tensor:
    """The lengths (1,) of a batch (1, T, ...) without padding."""
    return torch.tensor([batch.shape[1]], device=batch.device)
