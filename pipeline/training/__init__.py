"""From a config to a run folder: training with PyTorch Lightning, which only this room imports."""
