"""peak_frame, facemae, videomae (and hubert) ─► emollama: the hidden states of Emotion-LLaMA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from emollama_hf import schema
from emollama_hf.computing.stored_values import StoredValues, stacked, stored_values
from emollama_hf.encoders.emotion_llama.config_json import blocks
from emollama_hf.encoders.emotion_llama.layers_option import checked_layers
from emollama_hf.encoders.emotion_llama.pooling import canonical_pooling, pool, pooled_shape
from emollama_hf.encoders.emotion_llama.prompt import PromptIds, encode_prompt, pad_prompts
from emollama_hf.errors import ClipError
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.decoder_stage import DecoderInput, DecoderStage, DecoderStageConfig, tensors_of
from emollama_hf.stages.stage import Stage

StoreDtype = Literal["float16", "float32"]


@dataclass(frozen=True)
class EmoLlamaConfig(DecoderStageConfig):
    """Every option of `EmoLlamaEmbed` that can change its result."""

    pooling: str = "all"
    layers: tuple[int, ...] | None = None
    store_dtype: StoreDtype = "float16"
    chat_template: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "pooling", canonical_pooling(self.pooling))  # slices have a spelling, too
        check_choice("store_dtype", self.store_dtype, ("float16", "float32"))
        if self.layers is not None:
            object.__setattr__(self, "layers", checked_layers(self.layers))


MEANING = (
    "hidden states of Emotion-LLaMA's decoder (Llama-2-7B-chat with LoRA) for one picture of the "
    "clip, the two embeddings and the instruction below"
)


class EmoLlamaEmbed(DecoderStage):
    """Hidden states of Emotion-LLaMA for each clip.

    Reads `peak_frame` (PIL image, (H, W, 3) uint8 array or undecoded `Image`), `facemae`, `videomae` and, for
    layout="upstream", `hubert` (zeros where neither the data set has it nor the model, or without `video`). On a data
    set that lacks some of these it runs the missing stages, so that a `video` column is enough. A call returns the
    columns

        emollama            (L, hidden) float16, (309, 4096) with the real model and the default instruction;
                            (hidden,) when pooled to one vector; with `layers` one of these for each layer
        facemae, videomae   (1024,) float32
        peak_index, clip_frame_count int32; clip_fps, clip_duration_s, face_coverage float32
        emollama_status, emollama_error

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        revision: commit, branch or tag of a Hub id.
        task, instruction: the prompt is "<video>..</video> <feature>..</feature> [{task}] {instruction} ". A column's
            name in braces stands for the row's value of it: "The person in video says: {transcript}. ..."; `{{` and
            `}}` are braces. Prompts then differ in length, and so does the first side of `emollama` with pooling="all".
        layout: "fork" (vectors of FaceMAE and VideoMAE) or "upstream" (and of HuBERT).
        pooling: "all", a slice or "6:10", "mean", "last", "image_mean", "features_mean", "text_mean".
        layers: hidden states to keep, as a tuple: k is the residual stream after block k, 0 the decoder's input, -1 the
            last hidden state, behind the final norm. None keeps the last and adds no axis.
        store_dtype: "float16" or "float32".
        chat_template: whether the prompt is wrapped as in a chat.
        tokenizer: directory or Hub id, for models that come without one.
        adapter: directory or Hub id of what `finetune` has trained for this model.
        device: "auto" or a torch device.
        dtype: number type of the computation: "float32", "float16-mixed" (the mixture of the original on a GPU),
            "float16", "bfloat16", or "auto": "float16-mixed" on CUDA, "float32" on a CPU.
        quantize: "4bit" or "8bit" keeps the decoder's linear layers in so many bits (bitsandbytes): another result,
            less memory. None keeps them in the type of `dtype`'s products.
        batch_size: clips that are computed together; None for as many as a GPU's memory holds, 1 on a CPU.
        compile: whether torch.compile fuses the blocks, which needs a C++ compiler and a minute, and pays on a GPU
            after thousands of clips (docs/runs.md).
        on_error: "raise", or "null" for nulls and a status in the rows that cannot be computed.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid, or an instruction that cannot be asked.
        ClipError: by a call with on_error="raise": bad_frames (the peak frame), bad_features, bad_text
            (words of the row), overflow, and the errors of the stages that run first.
        ModelError: by a call: the model or one of its parts is missing, or two of its parts do not fit each other.

    Example:
        >>> EmoLlamaEmbed("random-tiny", pooling="mean")({"video": ["clip.mp4"]})["emollama"].shape
        (1, 48)

    Source: sricke/Emotion-LLaMA-4MW's extraction of last hidden states (layout "fork"), ZebangCheng/Emotion-LLaMA
    (layout "upstream"). Stored without the batch axis, as the fork's README describes them.
    """

    name = "emollama_embed"
    version = 1
    carries = (schema.FACEMAE, schema.VIDEOMAE, *schema.CLIP_FACTS)
    in_short = "hidden states of a language model that was shown the face and asked for the emotion"
    unshared_options = ("layers",)
    Config = EmoLlamaConfig
    config: EmoLlamaConfig

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        # Not with layers: an array of three sides may be a film, so that `push` asks for `include=["emollama"]`.
        return tuple(
            cls(model, pooling=pooling) for model in ("random-tiny", "random-full") for pooling in ("all", "mean")
        )

    @property
    def makes(self) -> tuple[str, ...]:  # without encoding a prompt
        return (schema.EMOLLAMA,)

    def outputs(self) -> dict[str, Column]:
        width, dtype = self.source.width(self.part), self.config.store_dtype
        sides: tuple[int, ...]
        if self.words and self.config.pooling == "all":
            sides = (-1, width)
        elif self.words and ":" not in self.config.pooling:
            sides = (width,)
        elif self.words:
            start, stop = map(int, self.config.pooling.split(":"))
            sides = (stop - start, width)
        else:
            sides = pooled_shape(self.config.pooling, self.prompt().spans, width)
        if self.config.layers is not None:
            checked_layers(self.config.layers, blocks(self.source.config(self.part)))
            sides = (len(self.config.layers), *sides)
        return {schema.EMOLLAMA: Column(schema.array_feature(sides, dtype), MEANING, tolerance=1e-4)}

    def resolved_config(self) -> dict[str, Any]:
        return {name: value for name, value in super().resolved_config().items() if (name, value) != ("layers", None)}

    def encoded(self, instruction: str) -> PromptIds:
        return encode_prompt(
            self.source.tokenizer(self.part),
            self.config.task,
            instruction,
            visual_tokens=self.visual_token_count(),
            chat_template=self.config.chat_template,
        )

    def prepare(self, row: Row) -> DecoderInput:
        item = super().prepare(row)
        if self.words:
            try:
                pooled_shape(self.config.pooling, item.prompt.spans, self.source.width(self.part))
            except ValueError as error:
                raise ClipError("bad_text", f"with the words of this row, {error}") from None
        return item

    def compute_together(self, items: list[DecoderInput]) -> list[dict[str, Any] | ClipError]:
        import torch

        prompts = [item.prompt for item in items]
        batch = pad_prompts(prompts, self.source.tokenizer(self.part).pad_id) if self.words else None
        ids = np.stack([one.input_ids for one in prompts]) if batch is None else batch.input_ids
        with self.computing() as model:
            computed = model(
                **tensors_of(items, model.device),
                input_ids=torch.from_numpy(ids),
                attention_mask=None if batch is None else torch.from_numpy(batch.attention_mask),
                layers=self.config.layers,
            )
            states = [computed.last_hidden_state] if self.config.layers is None else computed.hidden_states
            stored = stored_values(self._pooled(states, prompts), self.config.store_dtype)
        if self.config.layers is None:
            return [self._columns(state) for state in stored]
        return [self._columns(stacked(stored[row :: len(items)])) for row in range(len(items))]

    def _pooled(self, states: Sequence[Any], prompts: list[PromptIds]) -> Iterator[Any]:
        """Layer by layer all clips, float32: (B, ...), or where prompts differ in length (1, ...) for each clip."""
        for layer in states:
            if self.words:
                rows = enumerate(prompts)
                yield from (pool(layer[row : row + 1], self.config.pooling, one.spans) for row, one in rows)
            else:
                yield pool(layer, self.config.pooling, prompts[0].spans)

    def _columns(self, state: StoredValues) -> dict[str, Any] | ClipError:
        if state.is_finite:
            return {schema.EMOLLAMA: state.values}
        if state.was_finite:
            return ClipError(
                "overflow",
                f"a hidden state of {state.largest:.3g} does not fit float16 (at most 65504). "
                "Store it with store_dtype='float32'.",
            )
        return ClipError(
            "overflow",
            "hidden states came out as NaN or infinite. Compute with dtype='bfloat16' or 'float32'.",
        )
