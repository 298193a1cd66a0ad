"""Networks and decoders: torch, and nothing of ours."""

from .averaging import MovingMean
from .backbones import Backbone
from .bag import BagOfTokens
from .ctc import CTCHead
from .encoders import Encoder, FrameCNN, LineCNN
from .evidence import TokenEvidence
from .heads import Head, SequenceClassificationHead, TokenClassificationHead
from .recurrent import RecurrentStack
from .refinement import RefinedTokenHead
from .sequence_model import SequenceModel
from .token_encoders import TokenCNN, TokenEmbedding

__all__ = [
    "Backbone",
    "BagOfTokens",
    "CTCHead",
    "Encoder",
    "FrameCNN",
    "Head",
    "LineCNN",
    "MovingMean",
    "RecurrentStack",
    "RefinedTokenHead",
    "SequenceClassificationHead",
    "SequenceModel",
    "TokenCNN",
    "TokenClassificationHead",
    "TokenEmbedding",
    "TokenEvidence",
]
