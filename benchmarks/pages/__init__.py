"""Pages: their lines, cut out, found and read."""
