"""What a data file may make its reader do: which files it may name, and what they may cost."""
