"""Text lines that are typeset, and aged, by the project itself."""
