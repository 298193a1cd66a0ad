"""HTML reports of what bundles read; only code that turns results into their pages belongs here."""
