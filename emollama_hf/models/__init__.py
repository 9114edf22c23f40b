"""The three networks. Importing this package lets transformers' Auto classes load `emotion_llama`.

It imports torch, timm and transformers; what is needed before a model is loaded lies outside for that reason, in
`emollama_hf.encoders`: `pixels`, `emotion_llama.prompt` and `emotion_llama.pooling`.
"""

from transformers import AutoConfig, AutoModel, AutoProcessor

from emollama_hf.encoders.emotion_llama.configuration import EmotionLlamaConfig
from emollama_hf.encoders.emotion_llama.network import EmotionLlamaModel
from emollama_hf.encoders.emotion_llama.processor import EmotionLlamaProcessor
from emollama_hf.encoders.facemae.network import FaceMAE
from emollama_hf.encoders.videomae.network import VideoMAE

AutoConfig.register(EmotionLlamaConfig.model_type, EmotionLlamaConfig, exist_ok=True)
AutoModel.register(EmotionLlamaConfig, EmotionLlamaModel, exist_ok=True)
AutoProcessor.register(EmotionLlamaConfig, EmotionLlamaProcessor, exist_ok=True)

__all__ = ["EmotionLlamaConfig", "EmotionLlamaModel", "EmotionLlamaProcessor", "FaceMAE", "VideoMAE"]
