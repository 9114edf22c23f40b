"""What a checkpoint is, told by the names and shapes of its tensors: for errors about the wrong file."""

from __future__ import annotations

from collections.abc import Mapping

from emollama_hf.tensors.tensor_names import Shape
from emollama_hf.tensors.wrapped_names import unwrapped, wrapping_hint

#: What each option of the conversion wants, as a sentence goes on after "wants".
WANTED = {
    "facemae": "one with patch_embed.proj.weight of 4 dimensions and blocks.0.attn.qkv.bias",
    "videomae": "one with encoder.patch_embed.proj.weight of 5 dimensions",
    "eva": "one with patch_embed.proj.weight of 4 dimensions and blocks.0.attn.q_bias",
    "emotion_llama": "one with llama_proj.weight, feats_llama_proj1.weight and LoRA factors (lora_A.weight)",
    "llama": "a directory with config.json, tokenizer.model and weights that have model.embed_tokens.weight",
}

#: How each source is called in sentences.
CALLED = {
    "facemae": "the image MAE checkpoint",
    "videomae": "the VideoMAE checkpoint",
    "eva": "EVA's checkpoint",
    "emotion_llama": "the Emotion-LLaMA checkpoint",
    "llama": "Llama's weights",
}


def option(source: str) -> str:
    """The command line's name of a source: "emotion_llama" to "--emotion-llama"."""
    return "--" + source.replace("_", "-")


def recognise(shapes: Mapping[str, Shape]) -> str | None:
    """The source that a state dict looks like: a key of `WANTED`, or None."""
    patches = len(shapes.get("patch_embed.proj.weight", ()))
    if len(shapes.get("encoder.patch_embed.proj.weight", ())) == 5:
        return "videomae"
    if patches == 4 and "blocks.0.attn.q_bias" in shapes:
        return "eva"
    if patches == 4 and "blocks.0.attn.qkv.weight" in shapes:
        return "facemae"
    if "llama_proj.weight" in shapes:
        return "emotion_llama"
    if "model.embed_tokens.weight" in shapes:
        return "llama"
    return None


def describe(shapes: Mapping[str, Shape]) -> str | None:
    """What a state dict looks like, as a sentence goes on after "this looks like"; None if it looks like nothing.

    Wrapped names count as what they wrap.
    """
    shapes = {unwrapped(name): shape for name, shape in shapes.items()}
    known = recognise(shapes)
    if known == "emotion_llama" and "feats_llama_proj1.weight" not in shapes:
        return "MiniGPT-v2's checkpoint, which Emotion-LLaMA was trained from"
    if known is not None:
        return CALLED[known]
    if len(shapes.get("patch_embed.proj.weight", ())) == 5:
        return "a VideoMAE checkpoint for classification, whose encoder has no prefix"
    if any(".lora_A." in name for name in shapes) and not any(name.endswith("llama_proj.weight") for name in shapes):
        return "a LoRA adapter without Emotion-LLaMA's projections"
    if "tok_embeddings.weight" in shapes:
        return "Llama's weights in Meta's own format: take the directory that is named -hf"
    if any(name.startswith(("vision_model.", "language_model.", "embeddings.")) for name in shapes):
        return "weights that were converted already, or saved by transformers"
    return None


def check_looks_like(source: str, shapes: Mapping[str, Shape]) -> str:
    """A sentence that says that this is another source's file, or wrapped, or empty if nothing speaks against it."""
    found, wrapped = describe(shapes), wrapping_hint(shapes)
    if found is None or found == CALLED[source]:
        return wrapped
    looks = f"this looks like {found}; {option(source)} wants {WANTED[source]}"
    return f"{looks}. Its {wrapped}" if wrapped else looks
