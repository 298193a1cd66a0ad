"""Videos: frames by presentation time, with labels from folders, tables and annotation files."""
