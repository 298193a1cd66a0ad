"""Page files (PAGE-XML, ALTO) -> their layout, and the crop of every line."""
