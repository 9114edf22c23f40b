"""The most expressive moment of a clip."""
