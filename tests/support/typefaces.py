"""Typefaces that come with matplotlib, and the letters that tests set in them."""

import matplotlib

DEJAVU = matplotlib.get_data_path() + "/fonts/ttf"
SERIF = DEJAVU + "/DejaVuSerif.ttf"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-'"
