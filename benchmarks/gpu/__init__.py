"""What a GPU does: `python -m benchmarks.gpu --minutes 8` checks first, then measures; most important first."""
