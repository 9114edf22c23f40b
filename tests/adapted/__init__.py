"""Stages, runs and shared sets with an adapter."""
