"""Faces: found, followed, cropped."""
