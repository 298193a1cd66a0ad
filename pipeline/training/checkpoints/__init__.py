"""What a training needs to go on where it stopped: positions, checkpoints, and their files."""
