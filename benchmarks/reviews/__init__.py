"""Reviews: counted words, and the speed of training."""
