"""Features -> logits, loss and answer: strings, one label, a label for every step."""
