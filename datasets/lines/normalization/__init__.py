"""The image of a line as it comes -> as networks read it: polarity, slant, margins, blankness."""
