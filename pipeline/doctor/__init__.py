"""Checks of training data before training: text lines and videos, their labels and groups."""
