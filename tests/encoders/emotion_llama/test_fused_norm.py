"""The decoder's norms in torch's kernel: the bits of transformers' norm in each type, and its place in the network."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from emollama_hf.encoders.emotion_llama.fused_norm import FusedRMSNorm
from emollama_hf.models import EmotionLlamaModel


@given(
    st.sampled_from([torch.float32, torch.float16, torch.bfloat16]),
    st.integers(1, 300),
    st.sampled_from([1e-3, 1.0, 300.0]),
    st.integers(0, 2**31),
)
def test_every_value_is_that_of_transformers(dtype: torch.dtype, width: int, scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    norm, fused = LlamaRMSNorm(width, 1e-5).to(dtype), FusedRMSNorm(width, 1e-5).to(dtype)
    norm.weight.data = fused.weight.data = torch.randn(width, generator=generator).to(dtype)
    states = (torch.randn(2, 3, width, generator=generator) * scale).to(dtype)
    with torch.inference_mode():
        expected, found = norm(states), fused(states)
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


def test_with_the_weight_in_the_kernel_values_of_float16_would_be_others() -> None:
    """Why the weight is multiplied behind it."""
    states, norm = torch.randn(4, 512).half(), FusedRMSNorm(512, 1e-5).half()
    norm.weight.data = torch.randn(512).half()
    with torch.inference_mode():
        within = torch.nn.functional.rms_norm(states, (512,), norm.weight, 1e-5)
        assert 0.1 < (within != norm(states)).float().mean() < 0.5


def test_all_norms_of_the_decoder_are_fused_and_gradients_are_those_of_transformers(
    emotion_llama: EmotionLlamaModel,
) -> None:
    decoder = emotion_llama.language_model
    kinds = [type(module) for module in decoder.modules() if isinstance(module, LlamaRMSNorm)]
    assert kinds == [FusedRMSNorm] * (2 * len(decoder.layers) + 1)
    norm = LlamaRMSNorm(24)
    fused = FusedRMSNorm(24)
    states = torch.randn(3, 24)
    gradients = []
    for one in (norm, fused):
        given_states = states.clone().requires_grad_()
        one(given_states).square().sum().backward()
        gradients.append((given_states.grad, one.weight.grad))
    for (states_grad, weight_grad), (other_states, other_weight) in [tuple(gradients)]:  # type: ignore[misc]
        assert torch.equal(states_grad, other_states)
        assert torch.equal(weight_grad, other_weight)


@pytest.mark.parametrize("length", [5, 9])
def test_our_pass_of_the_decoder_is_that_of_transformers(emotion_llama: EmotionLlamaModel, length: int) -> None:
    from emollama_hf.encoders.emotion_llama.decoding import last_hidden_states

    decoder = emotion_llama.language_model
    embeds = torch.randn(3, length, decoder.config.hidden_size)
    padded = torch.ones(3, length, dtype=torch.long)
    padded[0, -2:] = 0
    padded[2, -1:] = 0
    with torch.inference_mode():
        for mask in (None, torch.ones_like(padded), padded):
            expected = decoder(inputs_embeds=embeds, attention_mask=mask, use_cache=False).last_hidden_state
            assert torch.equal(last_hidden_states(decoder, embeds, mask), expected)
            assert torch.equal(last_hidden_states(decoder, embeds, mask, output_hidden_states=True), expected)
        # Attention that knows of no order without a mask goes through transformers' own pass.
        decoder.config._attn_implementation = "eager"
        try:
            eager = last_hidden_states(decoder, embeds, padded)
        finally:
            decoder.config._attn_implementation = "sdpa"
    seen = padded.bool()
    torch.testing.assert_close(eager[seen], expected[seen], atol=1e-4, rtol=1e-3)
