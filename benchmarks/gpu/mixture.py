"""The original's mixture of number types (autocast around EVA) on the same weights, against ours and against float32.

Source: the original's model classes under torch.autocast with float16: linear layers and convolutions in float16; class
token, position tables, norms and the residual stream in float32; scores in float16, their softmax in float32. LoRA,
which it multiplies unmerged, is not among random weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.deviations import between
from benchmarks.gpu.lines import Line, checked, measured
from benchmarks.gpu.parts import stage_of
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.tf32 import allowed

CLIPS = 4
DTYPES = ("float16-mixed", "float16", "bfloat16")
#: Root mean square at ln_vision, relative to the spread there, that the default may be from the original's.
DEFAULT_LIMIT = 1e-3


def mixture(settings: Settings) -> Iterator[Line]:
    """Deviations at ln_vision and of the last hidden states: the original's, and ours in each type of 16 bits."""
    import torch

    from emollama_hf.computing.model_cache import forget_models

    kind = torch.device(settings.device).type
    with torch.inference_mode(), allowed(products=False, convolutions=False):
        stage = stage_of("emollama_embed", settings, dtype="float32")
        network = stage.model()
        inputs = _inputs(stage)
        exact = _values(network, *inputs)
        theirs = _original(network, kind, *inputs)
        forget_models()
        del network, stage
        found = {"the original's mixture": theirs}
        for dtype in DTYPES:
            ours = stage_of("emollama_embed", settings, dtype=dtype)
            found[f"ours in {dtype}"] = _values(ours.model(), *inputs)
            forget_models()
            del ours
    for what, values in found.items():
        for name in ("ln_vision", "last states"):
            yield measured(f"{name}: {what} against float32", **between(exact[name], values[name]))
            if values is theirs:
                continue
            figures = between(theirs[name], values[name])
            if (what, name) == ("ours in float16-mixed", "ln_vision"):
                yield checked(f"{name}: {what} against the original's", figures["rms"] <= DEFAULT_LIMIT, **figures)
            else:
                yield measured(f"{name}: {what} against the original's", **figures)


def _inputs(stage: Any) -> tuple[Any, Any, Any]:
    import torch

    torch.manual_seed(5)
    config = stage.model().config
    device = stage.model().device
    pixels = torch.randn(CLIPS, 3, config.image_size, config.image_size, device=device)
    features = torch.randn(CLIPS, 2, config.feature_size, device=device)
    return pixels, features, torch.as_tensor(stage.prompt().input_ids).expand(CLIPS, -1)


def _values(network: Any, pixels: Any, features: Any, ids: Any) -> dict[str, Any]:
    normed = network.ln_vision(network.image_tokens(pixels))
    states = network(pixels, features, ids).last_hidden_state
    return {"ln_vision": normed.float().cpu().numpy(), "last states": states.float().cpu().numpy()}


def _original(network: Any, kind: str, pixels: Any, features: Any, ids: Any) -> dict[str, Any]:
    """A float32 network as the original computes with it; the decoder's weights are float16 afterwards."""
    import torch

    as_the_original(network)
    with torch.autocast(kind, torch.float16):
        normed = network.ln_vision(network.image_tokens(pixels))
        tokens = network.visual_tokens(pixels, features)
    rotary = network.language_model.rotary_emb
    network.language_model.rotary_emb = None
    torch.nn.Module.half(network.language_model)
    network.language_model.rotary_emb = rotary  # its frequencies stay float32, as the original's do
    embedded = network.embed(ids, tokens.half())
    states = network.language_model(inputs_embeds=embedded, use_cache=False).last_hidden_state
    return {"ln_vision": normed.float().cpu().numpy(), "last states": states.float().cpu().numpy()}


def as_the_original(network: Any) -> None:
    """Let a float32 network's image encoder do under autocast, operation by operation, what the original's does."""
    import torch

    vision = network.vision_model
    vision.config._attn_implementation = "eager"  # scores as a matrix, which autocast rounds to float16

    def image_tokens(pixel_values: Any) -> Any:
        table = vision.embeddings
        patches = table.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
        hidden = torch.cat([table.class_embedding.expand(len(patches), 1, -1), patches], dim=1)
        hidden = hidden + table.position_embedding
        for layer in vision.encoder.layers:
            hidden = layer(hidden)
        return hidden

    network.image_tokens = image_tokens
