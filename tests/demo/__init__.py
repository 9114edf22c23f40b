"""Data of which the right answer is known."""
