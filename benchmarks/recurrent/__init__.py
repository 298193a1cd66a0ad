"""The recurrent cells: what they cost, how far back they learn."""
