"""Stages whose fingerprints are recorded: the ready ones, and settings of each kind."""

from __future__ import annotations

from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, SampleFrames, VideoMAEEmbed
from emollama_hf.stages.pipeline import build_pipeline
from emollama_hf.stages.transform import Transform

CPU = {"device": "cpu"}
TINY, FULL = "random-tiny", "random-full"


def stages() -> dict[str, Transform]:
    """Stages and pipelines by what is said of them in `fingerprints.json`."""
    return {
        "sample_frames": SampleFrames(),
        "facemae_embed": FaceMAEEmbed(TINY, **CPU),
        "videomae_embed": VideoMAEEmbed(TINY, **CPU),
        "emollama_embed": EmoLlamaEmbed(TINY, **CPU),
        "frames, fewer": SampleFrames(num_frames=8),
        "frames, smaller": SampleFrames(size=96),
        "frames, given crops": SampleFrames(faces="none"),
        "frames, box": SampleFrames(crop="box"),
        "frames, first": SampleFrames(peak="first"),
        "frames, peak of a column": SampleFrames(peak="column:apex"),
        "frames, candidates": SampleFrames(peak_candidates=9),
        "frames, range": SampleFrames(input="frames", pixel_range="0-1", channel_order="bgr"),
        "frames, stored pixels": SampleFrames(pixel_aspect="stored"),
        "frames, limits": SampleFrames(max_pixels=10**6, max_seconds=60),
        "frames, coverage": SampleFrames(min_face_coverage=0.5),
        "frames, null": SampleFrames(on_error="null"),
        "facemae, real sizes": FaceMAEEmbed(FULL, **CPU),
        "facemae, bfloat16": FaceMAEEmbed(TINY, dtype="bfloat16", **CPU),
        "videomae, real sizes": VideoMAEEmbed(FULL, **CPU),
        "emollama, real sizes": EmoLlamaEmbed(FULL, **CPU),
        "emollama, mean": EmoLlamaEmbed(TINY, pooling="mean", **CPU),
        "emollama, positions": EmoLlamaEmbed(TINY, pooling=slice(6, 10), **CPU),
        "emollama, upstream": EmoLlamaEmbed(TINY, layout="upstream", **CPU),
        "emollama, question": EmoLlamaEmbed(TINY, task="reason", instruction="Why does this person smile?", **CPU),
        "emollama, chat": EmoLlamaEmbed(TINY, chat_template=True, store_dtype="float32", **CPU),
        "emollama, mixed": EmoLlamaEmbed(TINY, dtype="float16-mixed", **CPU),
        "emollama, 4 bits": EmoLlamaEmbed(TINY, quantize="4bit", **CPU),
        "pipeline": build_pipeline(TINY, present=["video"], **CPU),
        "pipeline, kept": build_pipeline(TINY, present=["video"], keep=["peak_frame"], peak="middle", **CPU),
        "pipeline, one encoder": build_pipeline(TINY, stages=["facemae_embed"], present=["video"], **CPU),
    }
