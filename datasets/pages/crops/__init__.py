"""Cut a text line out of its page: by which shape, along which curve, with all of its letters."""
