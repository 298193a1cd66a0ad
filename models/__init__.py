"""Networks and decoders: torch, and nothing of ours."""

from .encoders import Encoder, FrameCNN, LineCNN, TokenEmbedding
from .heads import CTCHead, Head, SequenceClassificationHead, TokenClassificationHead
from .recurrent import RecurrentStack
from .sequence_model import SequenceModel

__all__ = [
    "CTCHead",
    "Encoder",
    "FrameCNN",
    "Head",
    "LineCNN",
    "RecurrentStack",
    "SequenceClassificationHead",
    "SequenceModel",
    "TokenClassificationHead",
    "TokenEmbedding",
]
