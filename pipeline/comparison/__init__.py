"""The `compare` command: many trainings, folds and baselines, and a table and plot of scores."""
