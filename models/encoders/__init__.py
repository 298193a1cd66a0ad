"""Inputs -> features: lines, frames, tokens, and counts of n-grams."""
