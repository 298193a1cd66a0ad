"""The `compare` command: trainings of configs, grids, folds, searches; a table and a plot."""
