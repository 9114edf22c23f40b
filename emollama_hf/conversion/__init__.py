"""From the original's checkpoints to a model directory: one file a source, each strict in the source's own terms."""
