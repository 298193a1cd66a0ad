"""Any image file -> upright pixels: decoding, the orientation flag, and one grey of 8 bits."""

from .decoding import decode_bgr, decode_grey, load_grey
from .grey import to_grey

__all__ = ["decode_bgr", "decode_grey", "load_grey", "to_grey"]
