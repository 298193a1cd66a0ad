"""Pieces of text on a page: the detector, its looks at large and small print, marks beside text."""
