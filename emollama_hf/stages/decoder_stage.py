"""What the stages of Emotion-LLaMA's decoder share: the clip as it reads it, and the prompt of each row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from datasets import ClassLabel, Features

from emollama_hf import schema
from emollama_hf.checkpoints import ModelSource
from emollama_hf.checkpoints.adapted import AdaptedSource
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.encoders.emotion_llama.config_json import feature_size, image_size, longest_sequence
from emollama_hf.encoders.emotion_llama.config_json import visual_tokens as count_visual_tokens
from emollama_hf.encoders.emotion_llama.prompt import DEFAULT_INSTRUCTION, DEFAULT_TASK, PromptIds, prompt_segments
from emollama_hf.errors import ClipError, ModelError
from emollama_hf.rows import Row
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.instruction_words import check_words, columns_named, worded
from emollama_hf.stages.model_stage import ModelStage, ModelStageConfig
from emollama_hf.stages.picture_value import picture_from_row
from emollama_hf.stages.reduction import Reduction, ResizedPicture
from emollama_hf.stages.trained_question import check_layout
from emollama_hf.tensors.quantized import QUANTIZATIONS, Quantize

if TYPE_CHECKING:
    import torch

Layout = Literal["fork", "upstream"]

#: Columns of the feature vectors that the decoder receives in each layout, in its order.
LAYOUTS: dict[str, tuple[str, ...]] = {
    "fork": (schema.FACEMAE, schema.VIDEOMAE),
    "upstream": (schema.FACEMAE, schema.VIDEOMAE, schema.HUBERT),
}
#: Prompts of one instruction each that a process keeps; rows with words of their own have one each.
PROMPTS_KEPT = 256


@dataclass(frozen=True)
class DecoderStageConfig(ModelStageConfig):
    """Options of every stage that asks the decoder.

    Attributes:
        task: the text in brackets before the instruction.
        instruction: what is asked; a column's name in braces stands for the row's value of that column.
        layout: "fork" (vectors of FaceMAE and VideoMAE) or "upstream" (and of HuBERT).
        quantize: "4bit" or "8bit" keeps the decoder's linear layers in so many bits.
    """

    task: str = DEFAULT_TASK
    instruction: str = DEFAULT_INSTRUCTION
    layout: Layout = "fork"
    quantize: Quantize | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("layout", self.layout, tuple(LAYOUTS))
        check_choice("quantize", self.quantize, (None, *QUANTIZATIONS))
        task, instruction = self.asked()
        prompt_segments(task, instruction)  # refuses an instruction that cannot be asked
        clips = [name for name in columns_named(instruction) if name in schema.CLIPS]
        if clips:
            raise ValueError(f"instruction: {{{clips[0]}}} is a clip and has no words. Name a column of text.")

    def asked(self) -> tuple[str, str]:
        """Task and instruction, as far as they are known before a model is."""
        return self.task, self.instruction


class DecoderInput(NamedTuple):
    """One clip, ready for the decoder.

    Attributes:
        picture: (S, S, 3) uint8 RGB, of the image encoder's size.
        features: (2, D) float32 in the layout fork, (3, D) upstream.
        prompt: the ids around the visual tokens.
    """

    picture: np.ndarray
    features: np.ndarray
    prompt: PromptIds

    @property
    def key(self) -> str:
        """What decides the clip's visual tokens."""
        content = blake2b(np.ascontiguousarray(self.picture).data, digest_size=16)
        content.update(np.ascontiguousarray(self.features).data)
        return content.hexdigest()


class DecoderStage(ModelStage):
    """A stage that asks the decoder about a clip's peak frame and feature vectors."""

    part = "emotion_llama"
    inputs = (schema.PEAK_FRAME, schema.FACEMAE, schema.VIDEOMAE)
    optional_inputs = (schema.HUBERT,)
    placement_options = (*ModelStage.placement_options, "tokenizer", "adapter")
    rounds = "after others"
    Config = DecoderStageConfig
    config: DecoderStageConfig

    @abstractmethod
    def encoded(self, instruction: str) -> PromptIds:
        """The ids of a prompt with this instruction, in which no column is named any more."""

    @property
    def words(self) -> tuple[str, ...]:
        """Columns whose values stand in the instruction."""
        return columns_named(self.config.instruction)

    @property
    def source(self) -> ModelSource:
        found = super().source
        if isinstance(found, AdaptedSource):
            check_layout(found.adapter, self.config.layout, self.name)
        return found

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
        read = (schema.PEAK_FRAME, *LAYOUTS[self.config.layout], *self.words)
        return tuple(dict.fromkeys(column for column in read if column in columns))

    def reductions(self) -> Mapping[str, Reduction]:
        return {schema.PEAK_FRAME: ResizedPicture(image_size(self.source.config(self.part)), "bicubic")}

    def check_columns(self, columns: Collection[str]) -> None:
        super().check_columns(columns)
        check_words(self.name, self.config.instruction, columns)

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
        return DecoderInput(model.resized(picture), np.stack(vectors), self._prompt(row))

    def ready(self) -> None:
        super().ready()
        if not self.words:
            problem = self._too_long(self.prompt())
            if problem is not None:
                raise ModelError(f"{self.name}: {problem}")

    def check_features(self, features: Features) -> None:
        for column in self.words:
            if isinstance(features.get(column), ClassLabel):
                raise ValueError(
                    f"{self.name}: the instruction names {{{column}}}, class labels, whose rows hold numbers. "
                    f"Cast it to its names first: ds.map(lambda row: {{...}}) with ds.features[{column!r}].int2str."
                )

    def answer_positions(self) -> int:
        """Positions that follow the prompt at most."""
        return 0

    def prompt(self) -> PromptIds:
        """The prompt of every row. For instructions that name no column."""
        return _encoded(self, self.model_digest(), self.config, worded(self.config.instruction, {}))

    def visual_token_count(self) -> int:
        """Visual tokens of one clip."""
        return count_visual_tokens(self.source.config(self.part), len(LAYOUTS[self.config.layout]))

    def _prompt(self, row: Row) -> PromptIds:
        if not self.words:
            return self.prompt()
        absent = [column for column in self.words if column not in row]
        if absent:
            raise ClipError("missing_column", f"column {absent[0]!r}, which the instruction names, is missing.")
        text = worded(self.config.instruction, {column: row[column] for column in self.words})
        prompt = _encoded(self, self.model_digest(), self.config, text)
        problem = self._too_long(prompt)
        if problem is not None:
            raise ClipError("bad_text", problem)
        return prompt

    def _too_long(self, prompt: PromptIds) -> str | None:
        longest, more = longest_sequence(self.source.config(self.part)), self.answer_positions()
        if prompt.length + more <= longest:
            return None
        room = f" and the {more} of an answer" if more else ""
        return (
            f"the {prompt.length} positions of the prompt{room} are more than the {longest} that the decoder of "
            f"{self.source.name} was trained for. Shorten the instruction" + (" or the answer." if more else ".")
        )

    def _load(self, source: ModelSource, dtype: DtypeName, device: str) -> Any:
        return source.load(self.part, dtype=dtype, device=device, quantize=self.config.quantize)


def tensors_of(items: list[DecoderInput], device: torch.device) -> dict[str, Any]:
    """What `EmotionLlamaModel.recent_visual_tokens` takes of some clips: keys, pixels and features on the device."""
    from emollama_hf.computing.device_copies import stacked_on_device
    from emollama_hf.encoders.scaling import clip_normalised

    return {
        "keys": [item.key for item in items],
        "pixel_values": clip_normalised(stacked_on_device([item.picture for item in items], device)),
        "features": stacked_on_device([item.features for item in items], device),
    }


def _encoded(stage: DecoderStage, digest: str, config: DecoderStageConfig, instruction: str) -> PromptIds:
    # Reading a tokenizer takes a while, and every batch asks for the prompt's length.
    key = (type(stage), digest, config, instruction)
    if key not in _prompts:
        while len(_prompts) >= PROMPTS_KEPT:
            _prompts.pop(next(iter(_prompts)), None)
        try:
            _prompts[key] = stage.encoded(instruction)
        except ValueError as error:
            if not stage.words or isinstance(error, ClipError):
                raise
            raise ClipError("bad_text", f"the instruction with the row's words cannot be asked: {error}") from None
    return _prompts[key]


#: Prompts of this process.
_prompts: dict[tuple[type[DecoderStage], str, DecoderStageConfig, str], PromptIds] = {}
