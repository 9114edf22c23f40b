"""Frames of a clip: decoding, face crops, the peak frame. Knows nothing of `datasets`."""

from emollama_hf.frames.clip import ClipInfo
from emollama_hf.frames.peak.peak import openface_file
from emollama_hf.frames.pictures.pictures import open_pictures
from emollama_hf.frames.sample import ClipSample, sample_clip
from emollama_hf.frames.sampling import even_indices, segment_indices
from emollama_hf.frames.settings import DecodeLimits, SampleSettings
from emollama_hf.frames.video.decode import open_video

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
