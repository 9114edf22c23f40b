"""A pass of the decoder over whole sequences, in which the host waits for nothing."""

from __future__ import annotations

from typing import Any

import torch

from emollama_hf.computing.device_copies import on_device


def last_hidden_states(
    decoder: Any, embeds: torch.Tensor, attention_mask: torch.Tensor | None, **options: Any
) -> torch.Tensor:
    """What transformers' LlamaModel returns, without its look at values on the device.

    It asks of each batch whether several sequences were packed into one row, by positions that it has just counted
    itself, and whether the mask hides anything. A GPU's answer takes as long as all that was queued before.

    Args:
        decoder: a LlamaModel.
        embeds: (B, L, hidden), its input.
        attention_mask: (B, L), 1 for the sequence and 0 for padding on the right; None without padding. A mask of the
            host is looked at there.
        **options: for transformers' own pass, which is taken if any is given.

    Returns:
        (B, L, hidden) after the final norm.
    """
    if attention_mask is not None and bool(attention_mask.all()):
        attention_mask = None
    # Other kinds of attention know of no order without a mask.
    if options or decoder.config._attn_implementation != "sdpa":
        states: torch.Tensor = decoder(
            inputs_embeds=embeds,
            attention_mask=None if attention_mask is None else attention_mask.to(embeds.device),
            **{"use_cache": False, **options},
        ).last_hidden_state
        return states
    positions = torch.arange(embeds.shape[1], device=embeds.device).unsqueeze(0)
    mask = None if attention_mask is None else _seen(on_device(attention_mask, embeds.device))
    rotary = decoder.rotary_emb(embeds, position_ids=positions)
    hidden = embeds
    for layer in decoder.layers:
        hidden = layer(hidden, attention_mask=mask, position_embeddings=rotary, position_ids=positions)
    normed: torch.Tensor = decoder.norm(hidden)
    return normed


def _seen(attention_mask: torch.Tensor) -> torch.Tensor:
    """(B, 1, L, L) bool: which positions each position sees, earlier ones that are not padding and itself."""
    length = attention_mask.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=attention_mask.device).tril()
    return earlier & attention_mask.bool()[:, None, None, :]
