"""Networks (encoders, recurrent cores, heads) and decoders: depends on PyTorch and NumPy only,
never on `datasets` or `pipeline`.
"""

from .encoders.backbones import Backbone
from .encoders.bag import BagOfTokens
from .encoders.evidence import TokenEvidence
from .encoders.images import Encoder, FrameCNN, LineCNN
from .encoders.tokens import TokenCNN, TokenEmbedding
from .heads.ctc import CTCHead
from .heads.labels import Head, SequenceClassificationHead, TokenClassificationHead
from .heads.refinement import RefinedTokenHead
from .recurrent.moving_mean import MovingMean
from .recurrent.stack import RecurrentStack
from .sequence_model import SequenceModel

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
