"""The stages of the pipeline, in the order in which data flows.

A new stage of this package is one file and one line here; a stage of another package is known by an entry point or by
`register` (`known_stages`).
"""

from __future__ import annotations

from emollama_hf.stages.audio_embed import AudioEmbed
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import StageConfig
from emollama_hf.stages.contract_check import check_contract
from emollama_hf.stages.emollama import EmoLlamaEmbed
from emollama_hf.stages.emotion_predict import EmotionPredict
from emollama_hf.stages.face_embed import FaceEmbed
from emollama_hf.stages.facemae import FaceMAEEmbed
from emollama_hf.stages.generate_answer import GenerateAnswer
from emollama_hf.stages.hubert import HubertEmbed
from emollama_hf.stages.image_tokens import ImageTokens
from emollama_hf.stages.known_stages import add_built_in, register
from emollama_hf.stages.model_stage import ModelStage
from emollama_hf.stages.named_encoder import named_stage
from emollama_hf.stages.sample_frames import SampleFrames
from emollama_hf.stages.stage import Stage
from emollama_hf.stages.video_embed import VideoEmbed
from emollama_hf.stages.videomae import VideoMAEEmbed

STAGES: tuple[type[Stage], ...] = (
    SampleFrames,
    FaceMAEEmbed,
    VideoMAEEmbed,
    HubertEmbed,
    EmoLlamaEmbed,
    EmotionPredict,
    GenerateAnswer,
    ImageTokens,  # for training alone: last, so that messages about an option name the stages of features first
)
add_built_in(STAGES, check_contract, named_stage)

__all__ = [
    "STAGES",
    "AudioEmbed",
    "Column",
    "EmoLlamaEmbed",
    "EmotionPredict",
    "FaceEmbed",
    "FaceMAEEmbed",
    "GenerateAnswer",
    "HubertEmbed",
    "ImageTokens",
    "ModelStage",
    "SampleFrames",
    "Stage",
    "StageConfig",
    "VideoEmbed",
    "VideoMAEEmbed",
    "register",
]
