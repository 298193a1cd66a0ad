"""What a bundle gets after its training, on labelled data: a calibration, a language model."""
