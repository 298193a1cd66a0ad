"""Recurrent cores (features -> features): the cells, the layers and the stacks that run them."""
