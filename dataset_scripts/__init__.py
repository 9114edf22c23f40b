"""Builders for the layouts that labs hold: read README.md beside this file."""
