"""The three networks. Importing this package lets transformers' Auto classes load `emotion_llama`.

It imports torch, timm and transformers; what is needed before a model is loaded lies outside for that reason:
`emollama_hf.pixels`, `emollama_hf.prompt` and `emollama_hf.pooling`.
"""

from transformers import AutoConfig, AutoModel, AutoProcessor

from emollama_hf.models.emotion_llama import EmotionLlamaModel
from emollama_hf.models.emotion_llama_config import EmotionLlamaConfig
from emollama_hf.models.emotion_llama_processor import EmotionLlamaProcessor
from emollama_hf.models.facemae import FaceMAE
from emollama_hf.models.videomae import VideoMAE

AutoConfig.register(EmotionLlamaConfig.model_type, EmotionLlamaConfig, exist_ok=True)
AutoModel.register(EmotionLlamaConfig, EmotionLlamaModel, exist_ok=True)
AutoProcessor.register(EmotionLlamaConfig, EmotionLlamaProcessor, exist_ok=True)

__all__ = ["EmotionLlamaConfig", "EmotionLlamaModel", "EmotionLlamaProcessor", "FaceMAE", "VideoMAE"]
