"""Emotion-LLaMA features of video clips as Hugging Face data sets.

    ds = load_dataset("videofolder", data_dir="clips", split="train")
    ds = ds.map(emollama_hf.EmoLlamaEmbed("emotion-llama-hf"), batched=True, batch_size=16)

Nothing heavy is imported here: each public name brings in what it needs when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from emollama_hf.defaults import configure
from emollama_hf.errors import ClipError, ModelError, PluginError, ShareError, StageError

if TYPE_CHECKING:
    from emollama_hf.conversion.convert import convert
    from emollama_hf.encoders.credit import Credit
    from emollama_hf.encoders.encoder import Encoder
    from emollama_hf.evaluation.evaluate import evaluate
    from emollama_hf.extraction.estimate import estimate
    from emollama_hf.extraction.extract import extract
    from emollama_hf.models import EmotionLlamaConfig, EmotionLlamaModel, EmotionLlamaProcessor
    from emollama_hf.probing.probe import probe
    from emollama_hf.sharing.load import load
    from emollama_hf.sharing.push import push
    from emollama_hf.stages import (
        AudioEmbed,
        Column,
        EmoLlamaEmbed,
        EmotionPredict,
        FaceEmbed,
        FaceMAEEmbed,
        GenerateAnswer,
        HubertEmbed,
        ModelStage,
        SampleFrames,
        Stage,
        StageConfig,
        VideoEmbed,
        VideoMAEEmbed,
        register,
    )
    from emollama_hf.stages.ready import (
        emollama_embed,
        emotion_predict,
        facemae_embed,
        hubert_embed,
        sample_frames,
        videomae_embed,
    )
    from emollama_hf.training.finetune import finetune
    from emollama_hf.training.push_adapter import push_adapter

try:
    __version__ = version("emollama_hf")
except PackageNotFoundError:  # a checkout on the path of a machine where nothing can be installed
    __version__ = "0+checkout"

_HOMES = {
    "AudioEmbed": "emollama_hf.stages",
    "Column": "emollama_hf.stages",
    "ModelStage": "emollama_hf.stages",
    "Stage": "emollama_hf.stages",
    "StageConfig": "emollama_hf.stages",
    "register": "emollama_hf.stages",
    "EmotionLlamaConfig": "emollama_hf.models",
    "EmotionLlamaModel": "emollama_hf.models",
    "EmotionLlamaProcessor": "emollama_hf.models",
    "EmoLlamaEmbed": "emollama_hf.stages",
    "Credit": "emollama_hf.encoders.credit",
    "Encoder": "emollama_hf.encoders.encoder",
    "EmotionPredict": "emollama_hf.stages",
    "FaceEmbed": "emollama_hf.stages",
    "FaceMAEEmbed": "emollama_hf.stages",
    "GenerateAnswer": "emollama_hf.stages",
    "HubertEmbed": "emollama_hf.stages",
    "SampleFrames": "emollama_hf.stages",
    "VideoEmbed": "emollama_hf.stages",
    "VideoMAEEmbed": "emollama_hf.stages",
    "convert": "emollama_hf.conversion.convert",
    "emollama_embed": "emollama_hf.stages.ready",
    "emotion_predict": "emollama_hf.stages.ready",
    "facemae_embed": "emollama_hf.stages.ready",
    "hubert_embed": "emollama_hf.stages.ready",
    "sample_frames": "emollama_hf.stages.ready",
    "videomae_embed": "emollama_hf.stages.ready",
    "estimate": "emollama_hf.extraction.estimate",
    "evaluate": "emollama_hf.evaluation.evaluate",
    "extract": "emollama_hf.extraction.extract",
    "finetune": "emollama_hf.training.finetune",
    "load": "emollama_hf.sharing.load",
    "probe": "emollama_hf.probing.probe",
    "push": "emollama_hf.sharing.push",
    "push_adapter": "emollama_hf.training.push_adapter",
}

__all__ = [
    "AudioEmbed",
    "ClipError",
    "Column",
    "Credit",
    "EmoLlamaEmbed",
    "EmotionLlamaConfig",
    "EmotionLlamaModel",
    "EmotionLlamaProcessor",
    "EmotionPredict",
    "Encoder",
    "FaceEmbed",
    "FaceMAEEmbed",
    "GenerateAnswer",
    "HubertEmbed",
    "ModelError",
    "ModelStage",
    "PluginError",
    "SampleFrames",
    "ShareError",
    "Stage",
    "StageConfig",
    "StageError",
    "VideoEmbed",
    "VideoMAEEmbed",
    "configure",
    "convert",
    "emollama_embed",
    "emotion_predict",
    "estimate",
    "evaluate",
    "extract",
    "facemae_embed",
    "finetune",
    "hubert_embed",
    "load",
    "probe",
    "push",
    "push_adapter",
    "register",
    "sample_frames",
    "videomae_embed",
]


def __getattr__(name: str) -> Any:
    if name == "demo":  # a folder that is used as emollama_hf.demo.corpus(...)
        return import_module("emollama_hf.demo")
    if name not in _HOMES:
        raise AttributeError(f"module 'emollama_hf' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
