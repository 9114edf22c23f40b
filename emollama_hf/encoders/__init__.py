"""Families of weights, a folder each."""
