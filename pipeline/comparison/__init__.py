"""`compare`: many trainings, their folds and baselines, one table and one picture."""
