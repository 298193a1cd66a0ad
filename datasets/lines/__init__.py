"""Text lines: files and synthetic typesetting -> images with transcripts."""
