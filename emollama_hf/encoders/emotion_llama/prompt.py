"""The extraction prompt: from an instruction to the ids and the places of everything the decoder reads.

Needs numpy only: how long a sequence is must be known before any model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer

DEFAULT_TASK = "emotion"
DEFAULT_INSTRUCTION = (
    "Please determine which emotion label in the video represents: "
    "happy, sad, neutral, angry, worried, surprise, fear, contempt, doubt."
)

VIDEO_PLACEHOLDER = "<VideoHere>"
FEATURE_PLACEHOLDER = "<FeatureHere>"
TEMPLATE = "<video><VideoHere></video> <feature><FeatureHere></feature> [{task}] {instruction} "

#: Texts that stand for something else than themselves in a prompt.
SYMBOLS = ("<s>", "</s>", "<unk>", VIDEO_PLACEHOLDER, FEATURE_PLACEHOLDER)
#: Stands in `input_ids` where a visual token goes; no tokenizer has a negative id.
VISUAL_ID = -200
#: How many of the visual tokens stand at the second placeholder, whatever the layout (see golden/README.md).
FEATURE_SLOT = 4

SPAN_NAMES = ("bos", "segment_0", "image_slot", "segment_1", "feature_slot", "segment_2", "answer")


@dataclass(frozen=True, eq=False)
class PromptIds:
    """One decoder sequence.

    input_ids: (L,) int64, `VISUAL_ID` where a visual token goes, in the visual tokens' order.
    spans: [start, end) of every part, keyed by `SPAN_NAMES` in sequence order.
    """

    input_ids: np.ndarray
    spans: dict[str, tuple[int, int]]

    @property
    def length(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, eq=False)
class PromptBatch:
    """Sequences of one batch, padded on the right.

    input_ids, attention_mask: (B, L) int64; the mask is 1 for the sequence and 0 for padding.
    """

    input_ids: np.ndarray
    attention_mask: np.ndarray


def is_unicode(text: str) -> bool:
    """Whether a text can be encoded: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def prompt_segments(
    task: str = DEFAULT_TASK, instruction: str = DEFAULT_INSTRUCTION, *, chat_template: bool = False
) -> tuple[str, str, str]:
    """The three texts around the two placeholders.

    chat_template: put the prompt between `[INST] ` and ` [/INST]`, as Llama-2-chat was trained.
    Raises ValueError for an empty task or instruction, and for one that holds a placeholder's own text.

        >>> prompt_segments("emotion", "How is she?")
        ('<video>', '</video> <feature>', '</feature> [emotion] How is she? ')
    """
    for name, value in (("task", task), ("instruction", instruction)):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(
                f"{name}={value!r}: expected a text that is not empty. Leave {name} out for the original's."
            )
        for reserved in (VIDEO_PLACEHOLDER, FEATURE_PLACEHOLDER):
            if reserved in value:
                raise ValueError(
                    f"{name} holds {reserved!r}, which marks where visual tokens go in the prompt around it. "
                    f"Remove it from the {name}: the template adds both placeholders."
                )
    prompt = TEMPLATE.format(task=task, instruction=instruction)
    if chat_template:
        prompt = f"[INST] {prompt} [/INST]"
    before, rest = prompt.split(VIDEO_PLACEHOLDER)
    between, after = rest.split(FEATURE_PLACEHOLDER)
    return before, between, after


def encode_prompt(
    tokenizer: PromptTokenizer,
    task: str = DEFAULT_TASK,
    instruction: str = DEFAULT_INSTRUCTION,
    *,
    visual_tokens: int,
    chat_template: bool = False,
) -> PromptIds:
    """Ids and places of everything the decoder reads.

    In this order: BOS, text, visual tokens but the last four, text, the last four, text, end symbol.

    visual_tokens: how many the model makes of one clip (259 in the fork's layout, 260 upstream at real size).
    Raises ValueError as `prompt_segments` does, and for fewer than five visual tokens.

        >>> encode_prompt(tokenizer, visual_tokens=259).length    # Llama-2's tokenizer, the default text
        309

    Source: Emotion-LLaMA, prompt wrapping. Segments are tokenised one by one, each with the tokenizer's own
    leading space; the split before the last four is the original's in both layouts, so that in the fork's
    the last image token stands among the features.
    """
    if visual_tokens <= FEATURE_SLOT:
        raise ValueError(f"visual_tokens={visual_tokens}: expected more than {FEATURE_SLOT}")
    texts = [tokenizer.encode(text) for text in prompt_segments(task, instruction, chat_template=chat_template)]
    parts = (
        [tokenizer.bos_id],
        texts[0],
        [VISUAL_ID] * (visual_tokens - FEATURE_SLOT),
        texts[1],
        [VISUAL_ID] * FEATURE_SLOT,
        texts[2],
        [tokenizer.eos_id],
    )
    ends = np.cumsum([len(part) for part in parts]).tolist()
    spans = {name: (end - len(part), end) for name, part, end in zip(SPAN_NAMES, parts, ends, strict=True)}
    return PromptIds(np.array([i for part in parts for i in part], np.int64), spans)


def pad_prompts(prompts: Sequence[PromptIds], pad_id: int) -> PromptBatch:
    """Sequences of one batch, the shorter ones filled up on the right with `pad_id`.

    Source: Emotion-LLaMA, where padding has the embedding of the piece `$$` and positions count on from 0.
    """
    longest = max(prompt.length for prompt in prompts)
    input_ids = np.full((len(prompts), longest), pad_id, np.int64)
    attention_mask = np.zeros((len(prompts), longest), np.int64)
    for row, prompt in enumerate(prompts):
        input_ids[row, : prompt.length] = prompt.input_ids
        attention_mask[row, : prompt.length] = 1
    return PromptBatch(input_ids, attention_mask)
