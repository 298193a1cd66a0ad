"""What is wrong with lines or videos, found before training."""
