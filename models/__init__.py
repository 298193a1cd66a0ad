"""Networks and decoders: torch, and nothing of ours."""

from .bag import BagOfTokens
from .ctc import CTCHead
from .encoders import Encoder, FrameCNN, LineCNN
from .evidence import TokenEvidence
from .heads import Head, SequenceClassificationHead, TokenClassificationHead
from .recurrent import RecurrentStack
from .sequence_model import SequenceModel
from .token_encoders import TokenCNN, TokenEmbedding

__all__ = [
    "BagOfTokens",
    "CTCHead",
    "Encoder",
    "FrameCNN",
    "Head",
    "LineCNN",
    "RecurrentStack",
    "SequenceClassificationHead",
    "SequenceModel",
    "TokenCNN",
    "TokenClassificationHead",
    "TokenEmbedding",
    "TokenEvidence",
]
