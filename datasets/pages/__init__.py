"""Page files (PAGE-XML, ALTO): their layout, read and written, and the image of each line."""
