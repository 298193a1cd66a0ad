"""Lines of sources that no training has seen; learning curves."""
