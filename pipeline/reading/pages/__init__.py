"""Pages at work: an image or a page file -> its lines, ready for the network -> one record."""
