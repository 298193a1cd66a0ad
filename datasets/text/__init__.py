"""Labelled texts (reviews): files and tables -> token ids, and synthetic texts."""
