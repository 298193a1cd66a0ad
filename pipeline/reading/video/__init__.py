"""Videos at work: chunks of frames through the network as they are decoded, and their segments."""
