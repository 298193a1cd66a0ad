"""Lines: beside other readers, the training recipe, the doctor."""
