"""Features -> features: the recurrent cells and the stack that runs them."""
