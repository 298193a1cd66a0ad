"""Reviews: files and tables -> token ids, and texts that are made."""
