"""What may leave the lab: which columns, and what texts and bytes must not hold."""
