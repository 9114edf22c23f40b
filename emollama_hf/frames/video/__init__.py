"""Recordings: packets, frames, times."""
