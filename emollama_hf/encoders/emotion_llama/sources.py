"""The three sources of Emotion-LLaMA, as `convert` takes them. No torch."""

from __future__ import annotations

from pathlib import Path

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.emotion_llama.tokenizer import TOKENIZER_FILES, LlamaTokenizer
from emollama_hf.encoders.weight_source import CONVERTED, Shapes, WeightDirectory, WeightSource

#: EVA's final norm and classifier; the block after the last one that is used is added to these.
_UNUSED_OF_EVA = (r"^norm\.", r"^fc_norm\.", r"^head\.")
#: An auxiliary classifier, and rotary tables that older transformers wrote.
UNUSED_OF_PROJECTIONS = (r"^attention\.", r"rotary_emb\.inv_freq$")
#: Rotary tables that older transformers wrote.
UNUSED_OF_LLAMA = (r"rotary_emb\.inv_freq$",)


def unused_of_eva(vision: Config) -> tuple[str, ...]:
    """What EVA's file may hold and the image encoder does not use.  vision: `vision_config`."""
    return (*_UNUSED_OF_EVA, rf"^blocks\.{vision['num_hidden_layers']}\.")


def _eva_marks(shapes: Shapes) -> bool:
    return len(shapes.get("patch_embed.proj.weight", ())) == 4 and "blocks.0.attn.q_bias" in shapes


def _is_adapter(shapes: Shapes) -> bool:
    factors = any(".lora_A." in name for name in shapes)
    return factors and not any(name.endswith("llama_proj.weight") for name in shapes)


def _check_tokenizer(folder: Path) -> None:
    LlamaTokenizer(folder)  # a damaged one is said now, and not by the first prompt


EVA = WeightSource(
    option="eva",
    called="EVA's checkpoint",
    wanted="one with patch_embed.proj.weight of 4 dimensions and blocks.0.attn.q_bias",
    help="Image encoder: eva_vit_g.pth.",
    marks=_eva_marks,
    unused=lambda config: unused_of_eva(config["vision_config"]),
)

PROJECTIONS = WeightSource(
    option="emotion_llama",
    called="the Emotion-LLaMA checkpoint",
    wanted="one with llama_proj.weight, feats_llama_proj1.weight and LoRA factors (lora_A.weight)",
    help="Projections and LoRA: Emotion_LLaMA.pth.",
    marks=lambda shapes: {"llama_proj.weight", "feats_llama_proj1.weight"} <= shapes.keys(),
    relatives=(
        (
            "MiniGPT-v2's checkpoint, which Emotion-LLaMA was trained from",
            lambda shapes: "llama_proj.weight" in shapes,
        ),
        ("a LoRA adapter without Emotion-LLaMA's projections", _is_adapter),
    ),
    unused=lambda config: UNUSED_OF_PROJECTIONS,
)

LLAMA = WeightDirectory(
    option="llama",
    called="Llama's weights",
    wanted="a directory with config.json, tokenizer.model and weights that have model.embed_tokens.weight",
    help="Decoder: the directory Llama-2-7b-chat-hf.",
    marks=lambda shapes: "model.embed_tokens.weight" in shapes,
    relatives=(
        (
            "Llama's weights in Meta's own format: take the directory that is named -hf",
            lambda shapes: "tok_embeddings.weight" in shapes,
        ),
        (CONVERTED, lambda shapes: any(name.startswith(("vision_model.", "language_model.")) for name in shapes)),
    ),
    unused=lambda config: UNUSED_OF_LLAMA,
    notice="Llama-2's weights are gated: whoever uses them has accepted Meta's Llama 2 Community License, and so must "
    "whoever gets this directory. Keep a repository with it private or gated.",
    example="Llama-2-7b-chat-hf",
    contents="config.json, tokenizer.model, weights",
    model_types=("llama",),
    files=TOKENIZER_FILES,
    required={
        "tokenizer.model": "which the prompt needs. Fetch it from where the weights came from; tokenizer.json alone "
        "does not do."
    },
    check=_check_tokenizer,
    foreign=(("Meta's own format", ("params.json", "consolidated.00.pth")),),
    brings_files=True,
)
