"""Commands killed at random moments, and what was lost: a table for docs/reliability.md."""
