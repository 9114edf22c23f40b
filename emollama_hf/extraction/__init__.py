"""From clips to a feature data set: what `extract` does."""
