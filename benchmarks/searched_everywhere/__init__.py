"""The frames stage as it was before faces were followed (`sample_frames`, version 2), for comparison only."""
