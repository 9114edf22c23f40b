"""The generation prompt: what the decoder reads before it answers.

It differs from the extraction prompt (prompt.py): it is wrapped in the chat template behind a written `<s>`, all visual
tokens stand at the first placeholder, the second placeholder stays in the text, and no end symbol follows.
"""

from __future__ import annotations

import numpy as np

from emollama_hf.encoders.emotion_llama.prompt import (
    DEFAULT_INSTRUCTION,
    DEFAULT_TASK,
    FEATURE_PLACEHOLDER,
    VISUAL_ID,
    PromptIds,
    prompt_segments,
)
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer


def generation_segments(task: str = DEFAULT_TASK, instruction: str = DEFAULT_INSTRUCTION) -> tuple[str, str]:
    """The two texts around the visual tokens.

    Raises:
        ValueError: an empty task or instruction, or one that holds a placeholder's own text.

    Example:
        >>> generation_segments("emotion", "How is she?")
        ('<s>[INST] <video>', '</video> <feature><FeatureHere></feature> [emotion] How is she?  [/INST]')
    """
    before, between, after = prompt_segments(task, instruction, chat_template=True)
    return f"<s>{before}", f"{between}{FEATURE_PLACEHOLDER}{after}"


def encode_generation_prompt(
    tokenizer: PromptTokenizer,
    task: str = DEFAULT_TASK,
    instruction: str = DEFAULT_INSTRUCTION,
    *,
    visual_tokens: int,
) -> PromptIds:
    """Ids and positions of everything that the decoder reads: BOS, text, all visual tokens, text.

    Args:
        tokenizer: of the model.
        task: the text in brackets before the instruction.
        instruction: what is asked.
        visual_tokens: how many the model computes of one clip (259 in the fork's layout, 260 upstream at real size).

    Raises:
        ValueError: as `generation_segments` does.

    Source: Emotion-LLaMA's generation, where the first segment begins with two BOS ids.
    """
    before, after = (tokenizer.encode(text) for text in generation_segments(task, instruction))
    parts = ([tokenizer.bos_id], before, [VISUAL_ID] * visual_tokens, after)
    names = ("bos", "segment_0", "image_slot", "segment_1")
    ends = np.cumsum([len(part) for part in parts]).tolist()
    spans = {name: (end - len(part), end) for name, part, end in zip(names, parts, ends, strict=True)}
    return PromptIds(np.array([i for part in parts for i in part], np.int64), spans)
