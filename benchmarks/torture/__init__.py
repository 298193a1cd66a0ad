"""Scripts that kill, interrupt and attack Strand, and count what was lost."""
