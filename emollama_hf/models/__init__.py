"""The three networks. Importing this package lets transformers' Auto classes load `emotion_llama` directories.

It imports torch, timm and transformers; `emollama_hf.pixels`, `emollama_hf.prompt` and `emollama_hf.pooling` do not.
"""

from transformers import AutoConfig, AutoModel

from emollama_hf.models.emotion_llama import EmotionLlamaModel
from emollama_hf.models.emotion_llama_config import EmotionLlamaConfig
from emollama_hf.models.facemae import FaceMAE
from emollama_hf.models.videomae import VideoMAE

AutoConfig.register(EmotionLlamaConfig.model_type, EmotionLlamaConfig, exist_ok=True)
AutoModel.register(EmotionLlamaConfig, EmotionLlamaModel, exist_ok=True)

__all__ = ["EmotionLlamaConfig", "EmotionLlamaModel", "FaceMAE", "VideoMAE"]
