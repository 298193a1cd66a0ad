"""Fit what is added to a bundle after training, on labelled data: calibration, language model."""
