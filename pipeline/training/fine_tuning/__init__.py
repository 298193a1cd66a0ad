"""What `--init_from` adds to a training: a bundle's alphabet and weights, and what is forgotten."""
