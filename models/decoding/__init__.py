"""Logits of CTC -> strings: beam search, language model, alignment."""
