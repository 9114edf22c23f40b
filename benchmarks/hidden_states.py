"""Hidden states to measure storage with: numbers that compress as real ones do, or that do not compress at all."""

from __future__ import annotations

import numpy as np

#: Rows that one forward pass computes.
BATCH = 4


def hidden_states(rows: int, length: int, hidden: int, dtype: str = "float16") -> np.ndarray:
    """(rows, length, hidden) of `dtype`: last hidden states of a random decoder layer, with norm weights as uneven as
    trained ones."""
    import torch
    from transformers import LlamaConfig, LlamaModel

    torch.manual_seed(0)
    heads = max(1, hidden // 128)
    config = LlamaConfig(
        hidden_size=hidden,
        intermediate_size=hidden,
        num_hidden_layers=1,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        vocab_size=1000,
        max_position_embeddings=max(2048, length),
    )
    model = LlamaModel(config).eval()
    states = np.empty((rows, length, hidden), dtype)
    with torch.no_grad():
        model.norm.weight.copy_(1.8 * torch.exp(0.3 * torch.randn(hidden)))
        for start in range(0, rows, BATCH):
            tokens = torch.randint(0, 1000, (min(BATCH, rows - start), length))
            states[start : start + BATCH] = model(tokens).last_hidden_state.numpy()
    return states


def noise(rows: int, length: int, hidden: int) -> np.ndarray:
    """(rows, length, hidden) float16 of random bits without NaN or infinity: the worst case for a compressor."""
    bits = np.random.default_rng(0).integers(0, 2**16, (rows, length, hidden), dtype=np.uint16)
    bits[(bits & 0x7C00) == 0x7C00] ^= 0x4000
    return bits.view(np.float16)
