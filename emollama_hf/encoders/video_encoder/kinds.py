"""The kinds of video encoders. A new one is a file and an entry here. No torch."""

from __future__ import annotations

from emollama_hf.encoders.video_encoder.timesformer_kind import TIMESFORMER
from emollama_hf.encoders.video_encoder.video_kind import VideoKind
from emollama_hf.encoders.video_encoder.videomae_kind import VIDEOMAE
from emollama_hf.encoders.video_encoder.vivit_kind import VIVIT
from emollama_hf.encoders.video_encoder.vjepa2_kind import VJEPA2

VIDEO_KINDS: tuple[VideoKind, ...] = (VIDEOMAE, VJEPA2, TIMESFORMER, VIVIT)
