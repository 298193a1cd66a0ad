"""One file a command: its options, its checks, the call."""
