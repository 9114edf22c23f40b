"""Weights as tensors: names, shapes, values, files; nothing here knows a model."""
