"""Documents of whole pages, made from the records of their readings: ALTO, PAGE, hOCR, PDF."""
