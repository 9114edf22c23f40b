"""Frames of a clip: decoding, face crops, the peak frame. Knows nothing of `datasets`."""

from .clip import ClipInfo
from .decode import open_video
from .peak import openface_file
from .pictures import open_pictures
from .sample import ClipSample, sample_clip
from .sampling import even_indices, segment_indices
from .settings import DecodeLimits, SampleSettings

__all__ = [
    "ClipInfo",
    "ClipSample",
    "DecodeLimits",
    "SampleSettings",
    "even_indices",
    "open_pictures",
    "open_video",
    "openface_file",
    "sample_clip",
    "segment_indices",
]
