"""A bundle or a network on labelled data: truth for each head, corpus scores."""
