"""Emotion-LLaMA: from a peak frame, clip features and a prompt to the decoder's last hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaModel, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.blip_2.modeling_blip_2 import Blip2VisionModel

from emollama_hf.computing.device_copies import on_device
from emollama_hf.computing.recent_tensors import RecentTensors
from emollama_hf.encoders.emotion_llama.configuration import EmotionLlamaConfig
from emollama_hf.encoders.emotion_llama.decoding import last_hidden_states
from emollama_hf.encoders.emotion_llama.fused_norm import fuse_norms
from emollama_hf.encoders.emotion_llama.layers import collected
from emollama_hf.encoders.emotion_llama.layers_option import LAST
from emollama_hf.encoders.emotion_llama.prompt import VISUAL_ID
from emollama_hf.encoders.pixels import resize_uint8
from emollama_hf.encoders.scaling import clip_normalised

#: Bytes of visual tokens that are remembered: of 45 clips of the real sizes in float16.
RECENT_BYTES = 96_000_000


class EmotionLlamaModel(PreTrainedModel):
    """EVA, the projections and a Llama without its language model head.

    Source: Emotion-LLaMA (MiniGPT-v2), features of the last layer. Differences: LoRA is merged into the
    decoder's weights; fused attention; a batch may hold prompts of different lengths.
    """

    config_class = EmotionLlamaConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    _supports_sdpa = True
    _no_split_modules = ["Blip2EncoderLayer", "LlamaDecoderLayer"]  # noqa: RUF012
    # Kept in a model directory for generation; features do not need it.
    _keys_to_ignore_on_load_unexpected = [r"^lm_head\."]  # noqa: RUF012

    config: EmotionLlamaConfig

    def __init__(self, config: EmotionLlamaConfig) -> None:
        super().__init__(config)
        image_width = config.vision_config.hidden_size
        hidden = config.text_config.hidden_size
        self.vision_model = Blip2VisionModel._from_config(config.vision_config)
        # This is the original's ln_vision. Its eps is 1e-5 while EVA's blocks use 1e-6, and Blip2VisionModel
        # knows one eps only (tests/encoders/test_known_mistakes.py).
        self.vision_model.post_layernorm.eps = config.image_norm_eps
        self.image_projection = nn.Linear(image_width * config.patches_per_token, hidden)
        self.facemae_projection = nn.Linear(config.feature_size, hidden)
        self.videomae_projection = nn.Linear(config.feature_size, hidden)
        self.audio_projection = nn.Linear(config.feature_size, hidden)
        self.class_token_projection = nn.Linear(image_width, hidden)
        self.language_model = LlamaModel._from_config(config.text_config)
        fuse_norms(self.language_model)
        self._recent = RecentTensors(RECENT_BYTES)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.embed_tokens

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.embed_tokens = value

    def pixels(self, peak_frame: np.ndarray) -> torch.Tensor:
        """Input of the image encoder: (H, W, 3) uint8 RGB of any size to (3, S, S) float32, normalised."""
        return clip_normalised(self.resized(peak_frame))

    def resized(self, peak_frame: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB of any size to (S, S, 3) uint8."""
        size = self.config.image_size
        return resize_uint8(peak_frame, (size, size), "bicubic")

    def image_tokens(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """EVA's tokens before any norm: (B, 3, S, S) to (B, 1 + patches, width), class token first.

        In the type of the residual stream: that of the weights, or float32 (float32_stream.py).
        """
        weight = self.vision_model.embeddings.patch_embedding.weight
        embedded = self.vision_model.embeddings(pixel_values.to(device=weight.device, dtype=weight.dtype))
        return self.vision_model.encoder(inputs_embeds=embedded).last_hidden_state

    def ln_vision(self, tokens: torch.Tensor) -> torch.Tensor:
        """The norm between EVA and the projections, in float32 as in the original; shape and dtype stay."""
        norm = self.vision_model.post_layernorm
        normed = functional.layer_norm(
            tokens.float(), norm.normalized_shape, norm.weight.float(), norm.bias.float(), norm.eps
        )
        return normed.to(tokens.dtype)

    def visual_tokens(self, pixel_values: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """What stands in the decoder's input for a clip.

        pixel_values: (B, 3, S, S) of `pixels`.
        features: (B, 2, D) FaceMAE and VideoMAE (the fork's layout), or (B, 3, D) with audio (upstream's).
        Returns (B, n, hidden): image tokens row by row, the features, the class token.
        """
        self._check_features(features)  # before EVA, which takes seconds on a CPU
        return self.project(self.ln_vision(self.image_tokens(pixel_values)), features)

    def project(self, tokens: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """The visual tokens of images that EVA has encoded; needs no image encoder.

        Args:
            tokens: (B, 1 + patches, width) EVA's tokens behind `ln_vision`, class token first, on the projections'
                device and of any floating type.
            features: as `visual_tokens` takes them.

        Returns:
            (B, n, hidden) as `visual_tokens` returns them, in the type of the projections.

        Raises:
            ValueError: tokens or features of another shape.
        """
        self._check_features(features)
        width, joined_patches = self.config.vision_config.hidden_size, self.config.patches_per_token
        if tokens.ndim != 3 or tokens.shape[2] != width or (tokens.shape[1] - 1) % joined_patches:
            raise ValueError(
                f"tokens: expected (B, 1 + patches, {width}) with the class token first and a number of patches that "
                f"{joined_patches} divides, got {tuple(tokens.shape)}"
            )
        # The type of products; a projection's weight may be quantized, its bias is not.
        tokens = tokens.to(self.image_projection.bias.dtype)
        class_token, patches = tokens[:, :1], tokens[:, 1:]
        joined = patches.reshape(len(patches), patches.shape[1] // joined_patches, width * joined_patches)
        parts = [self.image_projection(joined)]
        projections = (self.facemae_projection, self.videomae_projection, self.audio_projection)
        for feature, projection in zip(features.to(tokens).unbind(1), projections, strict=False):
            parts.append(projection(feature).unsqueeze(1))
        parts.append(self.class_token_projection(class_token))
        return torch.cat(parts, dim=1)

    def _check_features(self, features: torch.Tensor) -> None:
        expected = self.config.feature_size
        if features.ndim != 3 or features.shape[1] not in (2, 3) or features.shape[2] != expected:
            raise ValueError(
                f"features: expected (B, 2, {expected}) for the fork's layout or (B, 3, {expected}) for "
                f"upstream's, got {tuple(features.shape)}"
            )

    def remember(self, most_bytes: int) -> None:
        """How many bytes of visual tokens are remembered from now on; nothing of before. 0 remembers nothing."""
        self._recent = RecentTensors(most_bytes)

    def recent_visual_tokens(
        self, keys: Sequence[str], pixel_values: torch.Tensor, features: torch.Tensor
    ) -> torch.Tensor:
        """`visual_tokens`, of clips that were asked for a moment ago without computing them again.

        Hidden states and an answer of the same clips then cost EVA once.

        Args:
            keys: what decides each clip's pixels and features.
            pixel_values, features: as `visual_tokens` takes them.
        """

        def compute(indices: list[int]) -> Sequence[torch.Tensor]:
            # The whole batch as it is where nothing is known: its products have the height that they always had.
            some: Any = slice(None)
            if len(indices) < len(keys):
                some = on_device(np.array(indices), pixel_values.device)
            # Copies: a view of one clip would keep the whole batch.
            return [one.clone() for one in self.visual_tokens(pixel_values[some], features[some]).unbind(0)]

        return torch.stack(self._recent.of(keys, compute))

    def embed(self, input_ids: torch.Tensor, visual_tokens: torch.Tensor) -> torch.Tensor:
        """The decoder's input: embeddings of the ids, visual tokens in order where the id is `VISUAL_ID`.

        input_ids: (B, L) int64 as `encode_prompt` and `pad_prompts` make them.
        visual_tokens: (B, n, hidden).
        Returns (B, L, hidden) in the visual tokens' dtype.
        Raises ValueError if a row does not have n places.
        """
        found, count = (input_ids == VISUAL_ID).sum(dim=1), visual_tokens.shape[1]
        if not bool((found == count).all()):
            raise ValueError(
                f"input_ids have {found.tolist()} places for visual tokens, a clip has {count}. "
                "Encode the prompt with visual_tokens= of the same layout."
            )
        # Moved only now: ids that come from the CPU are checked there, without waiting for a GPU.
        table = self.language_model.embed_tokens
        ids = on_device(input_ids, table.weight.device)
        places = ids == VISUAL_ID
        embedded = table(ids.masked_fill(places, 0)).to(visual_tokens.dtype)
        return embedded.masked_scatter(places.unsqueeze(-1), visual_tokens.to(ids.device))

    def blocks(self) -> list[nn.Module]:
        """The repeated layers in which the work is done, of the image encoder and the decoder that are loaded."""
        image = [] if self.vision_model is None else self.vision_model.encoder.layers
        decoder = [] if self.language_model is None else self.language_model.layers
        return [*image, *decoder]

    def forward(
        self,
        pixel_values: torch.Tensor,
        features: torch.Tensor,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        keys: Sequence[str] | None = None,
        layers: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> BaseModelOutput:
        """Hidden states of the decoder.

        Args:
            pixel_values, features: as `visual_tokens` takes them.
            input_ids: (B, L) int64.
            attention_mask: (B, L), 1 for the sequence and 0 for padding on the right; None without padding.
            keys: of the clips, as `recent_visual_tokens` takes them; None remembers nothing.
            layers: as `layers.checked_layers` takes them; None for the last hidden states alone.
            **kwargs: for transformers' decoder, whose own pass is taken then.

        Returns:
            `last_hidden_state` (B, L, hidden), after the final norm; with `layers` also `hidden_states`, one (B, L,
            hidden) each. Positions count from 0 in every row, and states at padding mean nothing.
        """
        if keys is None:
            visual_tokens = self.visual_tokens(pixel_values, features)
        else:
            visual_tokens = self.recent_visual_tokens(keys, pixel_values, features)
        inputs_embeds = self.embed(input_ids, visual_tokens)
        with collected(list(self.language_model.layers), layers or ()) as found:
            last = last_hidden_states(self.language_model, inputs_embeds, attention_mask, **kwargs)
        if layers is None:
            return BaseModelOutput(last_hidden_state=last)
        return BaseModelOutput(
            last_hidden_state=last, hidden_states=tuple(last if one == LAST else found[one] for one in layers)
        )
