"""Annotation files of BORIS, ELAN and VIA, and plain tables: read and written."""
