"""Plain data -> HTML pages on what bundles read."""
