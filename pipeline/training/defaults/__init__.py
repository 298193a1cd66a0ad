"""What a config leaves open: the network, and with `--init_from` the options of the reader."""
