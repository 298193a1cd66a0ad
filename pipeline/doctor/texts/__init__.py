"""What is wrong with labelled texts before training; only checks of texts belong here."""
