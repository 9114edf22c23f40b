"""The parts of a model directory that this package has."""

from emollama_hf.encoders import ENCODERS

ALL_PARTS = tuple(encoder.name for encoder in ENCODERS)
#: Those that the features of the default layout need.
PARTS = tuple(encoder.name for encoder in ENCODERS if not encoder.optional)
