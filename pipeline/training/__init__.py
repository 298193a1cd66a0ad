"""From a config to a run folder; the only room that imports Lightning."""
