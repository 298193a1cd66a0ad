"""A bundle at work: inputs -> batches -> readings -> records, without Lightning."""
