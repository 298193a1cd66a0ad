"""Output formats: records in; text, tables, subtitles, page files, annotations, overlays out."""
