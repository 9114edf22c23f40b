"""Given pictures instead of a recording."""
