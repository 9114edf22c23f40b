"""Encoders by name: what is read, what is refused, and that nothing of a file is run."""
