"""Words on their way out: without secrets, safe to name a file with, in the right number."""
