"""What runs: training, reading, scoring and the command line, in layers that import downwards."""
