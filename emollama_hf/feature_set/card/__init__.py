"""The card of a feature data set."""
