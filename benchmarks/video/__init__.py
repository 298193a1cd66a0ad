"""Video: decoding, and films of hours."""
