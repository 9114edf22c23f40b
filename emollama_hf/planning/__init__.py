"""What a run has to compute: keys of rows, tasks, and what came of them."""
