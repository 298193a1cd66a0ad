"""Line images with transcripts, from files or rendered: sources, readers and augmentations only."""
