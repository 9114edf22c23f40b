"""The prompt of training: the extraction prompt up to where an answer stands, in front of its end symbol."""

from __future__ import annotations

from emollama_hf.encoders.emotion_llama.prompt import (
    DEFAULT_INSTRUCTION,
    DEFAULT_TASK,
    PromptIds,
    encode_prompt,
)
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer

_END = "answer"


def encode_training_prompt(
    tokenizer: PromptTokenizer,
    task: str = DEFAULT_TASK,
    instruction: str = DEFAULT_INSTRUCTION,
    *,
    visual_tokens: int,
    chat_template: bool,
) -> PromptIds:
    """Ids and positions of everything that the decoder reads in front of a trained answer.

    In this order: BOS, text, visual tokens but the last four, text, the last four, text.

    Args:
        tokenizer: of the model.
        task: the text in brackets before the instruction.
        instruction: what is asked.
        visual_tokens: how many the model computes of one clip (259 in the fork's layout, 260 upstream at real size).
        chat_template: whether the prompt was trained between `[INST] ` and ` [/INST]`.

    Returns:
        The extraction prompt without its end symbol.

    Raises:
        ValueError: as `encode_prompt` does.

    Example:
        >>> encode_training_prompt(tokenizer, visual_tokens=259, chat_template=False).length
        308

    Source: Emotion-LLaMA's training, which puts the answer and then the end symbol behind this prompt.
    """
    prompt = encode_prompt(tokenizer, task, instruction, visual_tokens=visual_tokens, chat_template=chat_template)
    spans = {name: span for name, span in prompt.spans.items() if name != _END}
    return PromptIds(prompt.input_ids[: prompt.spans[_END][0]], spans)
