"""Output heads (features -> logits, loss, predictions): strings, sequence labels, step labels."""
