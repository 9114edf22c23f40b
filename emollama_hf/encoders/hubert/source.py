"""A directory of an encoder of speech, as `convert` takes it. No torch."""

from __future__ import annotations

from emollama_hf.encoders.hubert.config_json import MODEL_TYPES
from emollama_hf.encoders.weight_source import Shapes, WeightDirectory

#: Says whether a waveform is normalised, and its rate.
PREPROCESSOR = "preprocessor_config.json"

#: What a training or a task has beside the encoder: masks, quantizers, heads of recognition and classification.
UNUSED = (
    r"(^|\.)masked_spec_embed$",
    r"^(quantizer|project_q|project_hid|dropout_features)\.",
    r"^(lm_head|classifier|projector|tdnn|objective)\.",
    r"^layer_weights$",
    r"^feature_extractor\.(weight|bias)$",
    r"^(label_embs_concat|final_proj)(\.|$)",
)


def _marks(shapes: Shapes) -> bool:
    return any(name.endswith("feature_extractor.conv_layers.0.conv.weight") for name in shapes)


HUBERT = WeightDirectory(
    option="hubert",
    called="the weights of an encoder of speech",
    wanted=f"a directory with config.json, {PREPROCESSOR} and weights that have feature_extractor.conv_layers",
    help="Encoder of speech: the directory chinese-hubert-large, or another HuBERT, wav2vec 2.0 or WavLM.",
    marks=_marks,
    unused=lambda config: UNUSED,
    example="chinese-hubert-large",
    contents=f"config.json, {PREPROCESSOR}, weights",
    model_types=MODEL_TYPES,
    files=(PREPROCESSOR,),
    required={PREPROCESSOR: "which says how waveforms are normalised. Fetch it from where the weights came from."},
    settings=(PREPROCESSOR,),
)
