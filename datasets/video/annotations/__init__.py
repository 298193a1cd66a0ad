"""Readers and writers of annotation files of videos: BORIS, ELAN, VIA, and plain tables."""
