"""Configuration of Emotion-LLaMA: an image encoder, a decoder, and the widths between them."""

from __future__ import annotations

from typing import Any

from transformers import LlamaConfig, PretrainedConfig
from transformers.models.blip_2.configuration_blip_2 import Blip2VisionConfig


class EmotionLlamaConfig(PretrainedConfig):
    """The two networks' configurations, and what joins them.

    vision_config: of EVA, a `Blip2VisionConfig` or its dict.
    text_config: of the decoder, a `LlamaConfig` or its dict.

    feature_size: length of each clip feature (FaceMAE, VideoMAE, audio).
    patches_per_token: neighbouring patches of a row that are joined to one image token.
    image_norm_eps: eps of the norm between EVA and the projections; EVA's own is in vision_config.
    """

    model_type = "emotion_llama"
    sub_configs = {"vision_config": Blip2VisionConfig, "text_config": LlamaConfig}  # noqa: RUF012

    def __init__(
        self,
        vision_config: dict[str, Any] | Blip2VisionConfig | None = None,
        text_config: dict[str, Any] | LlamaConfig | None = None,
        feature_size: int = 1024,
        patches_per_token: int = 4,
        image_norm_eps: float = 1e-5,
        **kwargs: Any,
    ) -> None:
        if vision_config is None:
            vision_config = {"image_size": 448}
        if text_config is None:
            text_config = {"rms_norm_eps": 1e-5}
        if isinstance(vision_config, dict):
            vision_config = Blip2VisionConfig(**vision_config)
        if isinstance(text_config, dict):
            text_config = LlamaConfig(**text_config)
        self.vision_config = vision_config
        self.text_config = text_config
        self.feature_size = feature_size
        self.patches_per_token = patches_per_token
        self.image_norm_eps = image_norm_eps
        # The decoder is LlamaModel: there is no head whose weights could be tied to the embeddings.
        kwargs["tie_word_embeddings"] = False
        super().__init__(**kwargs)

    @property
    def image_size(self) -> int:
        """Side of the image encoder's square input in pixels."""
        return _side(self.vision_config.image_size)

    @property
    def image_tokens(self) -> int:
        """Number of projected image tokens: patches / patches_per_token."""
        return (self.image_size // _side(self.vision_config.patch_size)) ** 2 // self.patches_per_token

    def visual_tokens(self, features: int) -> int:
        """Number of visual tokens of one clip with that many clip features (2: fork, 3: upstream)."""
        return self.image_tokens + features + 1


def _side(size: int | list[int] | tuple[int, int]) -> int:
    """transformers lets sizes be pairs; the original's pictures and patches are square."""
    if isinstance(size, int):
        return size
    if size[0] != size[1]:
        raise ValueError(f"vision_config: expected a square size, got {tuple(size)}")
    return size[0]
