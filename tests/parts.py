"""The parts of a model directory that this package has."""

from emollama_hf.encoders import ENCODERS

PARTS = tuple(encoder.name for encoder in ENCODERS)
