"""Records -> text, tables, subtitles, pages, annotation files and films."""
