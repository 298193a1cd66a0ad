"""Encoders (inputs -> features) of text lines, video frames and tokens, and n-gram log-ratios."""
