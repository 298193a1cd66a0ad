"""Inference with a bundle: inputs in, predicted records out; nothing here may import Lightning."""
