"""Decoding of CTC logits into strings: beam search, character language model, forced alignment."""
