"""What the commands of `emollama-hf` do and print."""
