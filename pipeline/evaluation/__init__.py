"""Scoring of bundles on labelled data: targets for each head, and corpus scores."""
