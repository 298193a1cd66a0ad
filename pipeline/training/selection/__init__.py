"""Which epoch of a training is kept, and when a training has seen enough of them."""
