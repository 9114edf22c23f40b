"""peak_frame, facemae, videomae (and hubert) ─► emollama: the stage of Emotion-LLaMA."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from emollama_hf import schema
from emollama_hf.checkpoints import ModelSource
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.encoders.emotion_llama.config_json import feature_size, visual_tokens
from emollama_hf.encoders.emotion_llama.pooling import canonical_pooling, pool, pooled_shape
from emollama_hf.encoders.emotion_llama.prompt import (
    DEFAULT_INSTRUCTION,
    DEFAULT_TASK,
    PromptIds,
    encode_prompt,
    prompt_segments,
)
from emollama_hf.errors import ClipError
from emollama_hf.frames.pictures.single_picture import open_image
from emollama_hf.frames.settings import DEFAULT_LIMITS
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.model_stage import ModelStage, ModelStageConfig
from emollama_hf.stages.stage import Stage
from emollama_hf.tensors.quantized import QUANTIZATIONS, Quantize

Layout = Literal["fork", "upstream"]
StoreDtype = Literal["float16", "float32"]

#: Columns of the feature vectors that the decoder receives in each layout, in its order.
LAYOUTS: dict[str, tuple[str, ...]] = {
    "fork": (schema.FACEMAE, schema.VIDEOMAE),
    "upstream": (schema.FACEMAE, schema.VIDEOMAE, schema.HUBERT),
}


@dataclass(frozen=True)
class EmoLlamaConfig(ModelStageConfig):
    """Every option of `EmoLlamaEmbed` that can change its result."""

    task: str = DEFAULT_TASK
    instruction: str = DEFAULT_INSTRUCTION
    layout: Layout = "fork"
    pooling: str = "all"
    store_dtype: StoreDtype = "float16"
    chat_template: bool = False
    quantize: Quantize | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "pooling", canonical_pooling(self.pooling))  # slices have a spelling, too
        check_choice("layout", self.layout, tuple(LAYOUTS))
        check_choice("store_dtype", self.store_dtype, ("float16", "float32"))
        check_choice("quantize", self.quantize, (None, *QUANTIZATIONS))
        prompt_segments(self.task, self.instruction)  # refuses an instruction that cannot be asked


MEANING = (
    "hidden states of Emotion-LLaMA's decoder (Llama-2-7B-chat with LoRA) for one picture of the "
    "clip, the two embeddings and the instruction below"
)

#: Prompts of this process by model digest and configuration.
_prompts: dict[tuple[str, EmoLlamaConfig], PromptIds] = {}


class DecoderInput(NamedTuple):
    """One clip, ready for the decoder.

    Attributes:
        picture: (S, S, 3) uint8 RGB, of the image encoder's size.
        features: (2, D) float32 in the layout fork, (3, D) upstream.
    """

    picture: np.ndarray
    features: np.ndarray


class EmoLlamaEmbed(ModelStage):
    """Hidden states of Emotion-LLaMA for each clip.

    Reads `peak_frame` (PIL image, (H, W, 3) uint8 array or undecoded `Image`), `facemae`, `videomae` and, for
    layout="upstream", `hubert` (zeros where neither the data set has it nor the model, or without `video`). On a data
    set that lacks some of these it runs the missing stages, so that a `video` column is enough. A call returns the
    columns

        emollama            (L, hidden) float16, (309, 4096) with the real model and the default instruction;
                            (hidden,) when pooled to one vector
        facemae, videomae   (1024,) float32
        peak_index, clip_frame_count int32; clip_fps, clip_duration_s, face_coverage float32
        emollama_status, emollama_error

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        revision: commit, branch or tag of a Hub id.
        task, instruction: the prompt is "<video>..</video> <feature>..</feature> [{task}] {instruction} ".
        layout: "fork" (vectors of FaceMAE and VideoMAE) or "upstream" (and of HuBERT).
        pooling: "all", a slice or "6:10", "mean", "last", "image_mean", "features_mean", "text_mean".
        store_dtype: "float16" or "float32".
        chat_template: whether the prompt is wrapped as in a chat.
        tokenizer: directory or Hub id, for models that come without one.
        device: "auto" or a torch device.
        dtype: number type of the computation: "float32", "float16-mixed" (the mixture of the original on a GPU),
            "float16", "bfloat16", or "auto": "float16-mixed" on CUDA, "float32" on a CPU.
        quantize: "4bit" or "8bit" keeps the decoder's linear layers in so many bits (bitsandbytes): another result,
            less memory. None keeps them in the type of `dtype`'s products.
        batch_size: clips that are computed together; None for as many as a GPU's memory holds, 1 on a CPU.
        compile: whether torch.compile fuses the blocks, which needs a C++ compiler and a minute.
        on_error: "raise", or "null" for nulls and a status in the rows that cannot be computed.

    Raises:
        TypeError: an unknown option.
        ValueError: an option has a value that is not valid, or an instruction that cannot be asked.
        ClipError: by a call with on_error="raise": bad_frames (the peak frame), bad_features, overflow, and the errors
            of the stages that run first.
        ModelError: by a call: the model or one of its parts is missing, or two of its parts do not fit each other.

    Example:
        >>> EmoLlamaEmbed("random-tiny", pooling="mean")({"video": ["clip.mp4"]})["emollama"].shape
        (1, 48)

    Source: sricke/Emotion-LLaMA-4MW's extraction of last hidden states (layout "fork"), ZebangCheng/Emotion-LLaMA
    (layout "upstream"). Stored without the batch axis, as the fork's README describes them.
    """

    name = "emollama_embed"
    version = 1
    part = "emotion_llama"
    inputs = (schema.PEAK_FRAME, schema.FACEMAE, schema.VIDEOMAE)
    optional_inputs = (schema.HUBERT,)
    placement_options = (*ModelStage.placement_options, "tokenizer")
    carries = (schema.FACEMAE, schema.VIDEOMAE, *schema.CLIP_FACTS)
    rounds = "after others"
    in_short = "hidden states of a language model that was shown the face and asked for the emotion"
    Config = EmoLlamaConfig
    config: EmoLlamaConfig

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        return tuple(
            cls(model, pooling=pooling) for model in ("random-tiny", "random-full") for pooling in ("all", "mean")
        )

    @property
    def makes(self) -> tuple[str, ...]:  # without encoding a prompt
        return (schema.EMOLLAMA,)

    def outputs(self) -> dict[str, Column]:
        prompt = self._prompt()
        shape = pooled_shape(self.config.pooling, prompt.spans, self.source.width(self.part))
        dtype = self.config.store_dtype
        feature = schema.matrix_feature(*shape, dtype) if len(shape) == 2 else schema.vector_feature(shape[0], dtype)
        return {schema.EMOLLAMA: Column(feature, MEANING, tolerance=1e-4)}

    def runs_first(self) -> tuple[str, ...]:
        # Of the layout with sound, a stage that computes it runs as soon as one is known that can.
        return (*self.inputs, *LAYOUTS[self.config.layout][2:])

    def input_shapes(self) -> Mapping[str, tuple[int, ...]]:
        # Asked of the configuration: the projections, whose widths these are, need not be loaded for it.
        return dict.fromkeys(LAYOUTS[self.config.layout], (feature_size(self.source.config(self.part)),))

    def identity(self) -> dict[str, Any]:
        found = super().identity()
        if self.config.layout == "fork":
            return found
        required = {type(stage) for stage in self.chain(set())}
        optional = [stage for stage in self.chain({schema.VIDEO}) if type(stage) not in required]
        return {**found, "optional": [stage.own_identity() for stage in optional]} if optional else found

    def parts_beside(self) -> tuple[str, ...]:
        return (*super().parts_beside(), *LAYOUTS[self.config.layout][2:])

    def carried_feature(self, column: str) -> Any:
        if column in LAYOUTS["upstream"]:
            # As wide as the decoder takes them: rows may bring them, and the encoders need not be there.
            return schema.vector_feature(feature_size(self.source.config(self.part)))
        return super().carried_feature(column)

    def resolved_config(self) -> dict[str, Any]:
        # Not named when there is none: what was computed before there was a choice is found again.
        return {name: value for name, value in super().resolved_config().items() if (name, value) != ("quantize", None)}

    def given(self, columns: Collection[str]) -> tuple[str, ...]:
        read = (schema.PEAK_FRAME, *LAYOUTS[self.config.layout])
        return tuple(column for column in read if column in columns)

    def prepare(self, row: Row) -> DecoderInput:
        model = self.model()
        width = model.config.feature_size
        vectors = []
        for column in LAYOUTS[self.config.layout]:
            if column == schema.HUBERT and column not in row:
                vectors.append(np.zeros(width, np.float32))  # as upstream does for clips without sound
            else:
                vectors.append(schema.vector_from_row(column, row[column], width))
        picture = picture_from_row(schema.PEAK_FRAME, row[schema.PEAK_FRAME])
        return DecoderInput(model.resized(picture), np.stack(vectors))

    def compute_together(self, items: list[DecoderInput]) -> list[dict[str, Any] | ClipError]:
        import torch

        from emollama_hf.encoders.scaling import clip_normalised, on_device

        prompt = self._prompt()
        with self.computing() as model:
            device = model.device
            states = model(
                pixel_values=clip_normalised(np.stack([item.picture for item in items]), device),
                features=on_device(np.stack([item.features for item in items]), device),
                input_ids=torch.as_tensor(prompt.input_ids).expand(len(items), -1),
            ).last_hidden_state
            pooled = pool(states, self.config.pooling, prompt.spans).float().cpu().numpy()
        return [self._stored(state) for state in pooled]

    def _load(self, source: ModelSource, dtype: DtypeName, device: str) -> Any:
        return source.load(self.part, dtype=dtype, device=device, quantize=self.config.quantize)

    def _prompt(self) -> PromptIds:
        # Reading a tokenizer takes a while, and every batch asks for the prompt's length.
        key = (self.model_digest(), self.config)
        if key not in _prompts:
            source, config = self.source, self.config
            _prompts[key] = encode_prompt(
                source.tokenizer(self.part),
                config.task,
                config.instruction,
                visual_tokens=visual_tokens(source.config(self.part), len(LAYOUTS[config.layout])),
                chat_template=config.chat_template,
            )
        return _prompts[key]

    def _stored(self, state: np.ndarray) -> dict[str, Any] | ClipError:
        with np.errstate(over="ignore"):
            stored = state.astype(self.config.store_dtype)
        if np.isfinite(stored).all():
            return {schema.EMOLLAMA: stored}
        if np.isfinite(state).all():
            return ClipError(
                "overflow",
                f"a hidden state of {np.abs(state).max():.3g} does not fit float16 (at most 65504). "
                "Store it with store_dtype='float32'.",
            )
        return ClipError(
            "overflow",
            "hidden states came out as NaN or infinite. Compute with dtype='bfloat16' or 'float32'.",
        )


def picture_from_row(column: str, value: Any) -> np.ndarray:
    """The picture of a row.

    Args:
        column: name of its column, for errors.
        value: PIL image, (H, W, 3) array of whole numbers 0..255, or the dict of an undecoded `Image`.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ClipError: bad_frames for a null, an image file that cannot be read, another shape, dtype or range.
    """
    import PIL.Image

    expected = "expected a PIL image, an (H, W, 3) uint8 array or an undecoded Image. Make it with sample_frames."
    if value is None:
        raise ClipError("bad_frames", f"column {column!r} is null in this row; {expected}")
    if isinstance(value, Mapping):
        try:
            with ExitStack() as stack:
                image = stack.enter_context(open_image(value, f"column {column!r}", DEFAULT_LIMITS, stack))
                return np.asarray(image.convert("RGB"))
        except ClipError:
            raise
        except (OSError, SyntaxError, TypeError, ValueError, AttributeError, PIL.Image.DecompressionBombError) as error:
            raise ClipError(
                "bad_frames", f"column {column!r} cannot be read as a picture ({error}); {expected}"
            ) from error
    if isinstance(value, PIL.Image.Image):
        return np.asarray(value.convert("RGB"))
    array = np.asarray(value)
    if array.dtype.kind in "iu" and array.size and 0 <= array.min() <= array.max() <= 255:
        array = array.astype(np.uint8)  # nested lists of a plain map come as int64
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3 or 0 in array.shape:
        raise ClipError("bad_frames", f"column {column!r} holds {array.dtype} of shape {array.shape}; {expected}")
    return array


__all__ = ["EmoLlamaConfig", "EmoLlamaEmbed"]
