"""Ways to run a computation: each takes the same units to the same store."""
