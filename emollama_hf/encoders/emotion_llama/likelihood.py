"""How likely each of some texts is as the answer to a prompt, all of them in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional
from transformers import LlamaForCausalLM


def log_likelihoods(
    language_model: LlamaForCausalLM, prompts: Sequence[torch.Tensor], texts: Sequence[Sequence[int]]
) -> list[list[np.ndarray]]:
    """Log-probabilities of the pieces of each text after each prompt.

    The texts stand behind the prompt in one sequence, and a mask lets each see the prompt and itself alone, at the
    positions that it would have as the answer: the prompt is computed once for all of them.

    Args:
        language_model: as `language_head.with_head` makes it.
        prompts: the decoder's input of each clip, (L, hidden) in the type of products, of any lengths.
        texts: the ids of each text, at least one each.

    Returns:
        For each prompt and text (n,) float32, one value a piece; their sum is the text's log-probability.
    """
    longest = max(len(prompt) for prompt in prompts)
    device = prompts[0].device
    ids = [one for text in texts for one in text]
    embedded = language_model.get_input_embeddings()(torch.tensor(ids, device=device)).to(prompts[0].dtype)
    padded = torch.stack([functional.pad(one, (0, 0, longest - len(one), 0)) for one in prompts])
    sequence = torch.cat([padded, embedded.expand(len(prompts), -1, -1)], dim=1)
    pads = torch.tensor([longest - len(prompt) for prompt in prompts], device=device)
    states = language_model.model(
        inputs_embeds=sequence,
        attention_mask=_mask(pads, longest, [len(text) for text in texts]),
        position_ids=_positions(pads, longest, [len(text) for text in texts]),
        use_cache=False,
    ).last_hidden_state
    # What scores a text's first piece is the prompt's last state; what scores a later one, the state before it.
    before = torch.tensor(_before(longest, [len(text) for text in texts]), device=device)
    scores = language_model.lm_head(states[:, before]).float().log_softmax(-1)
    chosen = scores.gather(2, torch.tensor(ids, device=device).expand(len(prompts), -1).unsqueeze(-1)).squeeze(-1)
    bounds = np.cumsum([len(text) for text in texts])[:-1]
    return [np.split(row, bounds) for row in chosen.cpu().numpy()]


def _mask(pads: torch.Tensor, longest: int, lengths: Sequence[int]) -> torch.Tensor:
    """(B, 1, L, L) bool: which earlier positions each position sees. Padding sees itself, for it must see something."""
    total = longest + sum(lengths)
    block = torch.zeros(total, dtype=torch.long, device=pads.device)
    start = longest
    for number, length in enumerate(lengths, start=1):
        block[start : start + length] = number
        start += length
    own = (block[:, None] == block[None, :]) | (block[None, :] == 0)
    index = torch.arange(total, device=pads.device)
    seen = own & (index[None, :] <= index[:, None])
    real = index[None, None, :] >= pads[:, None, None]
    itself = torch.eye(total, dtype=torch.bool, device=pads.device)
    return ((seen & real) | itself).unsqueeze(1)


def _positions(pads: torch.Tensor, longest: int, lengths: Sequence[int]) -> torch.Tensor:
    """(B, L) int64: positions of the prompt from 0; every text begins where the prompt ends."""
    texts = [longest + offset for length in lengths for offset in range(length)]
    index = torch.tensor([*range(longest), *texts], device=pads.device)
    return (index[None, :] - pads[:, None]).clamp(min=0)


def _before(longest: int, lengths: Sequence[int]) -> list[int]:
    """The index of the state that scores each piece."""
    found, start = [], longest
    for length in lengths:
        found += [longest - 1, *range(start, start + length - 1)]
        start += length
    return found
