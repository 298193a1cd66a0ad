"""Synthetic line images: random texts, typesetting, and the degradation of a scan."""
