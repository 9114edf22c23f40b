"""wav2vec 2.0 and its relatives: settings of config.json and of the feature extractor. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.config_checks import FLAG, Config, Keys, one_of, whole
from emollama_hf.encoders.encoder import Activations
from emollama_hf.encoders.hubert import config_json
from emollama_hf.encoders.hubert.config_json import INFERENCE, PIECE_S, SAMPLE_RATE
from emollama_hf.encoders.hubert.encoder import FIRST_CONVOLUTIONS
from emollama_hf.encoders.model_kind import ModelKind

if TYPE_CHECKING:
    from torch import nn

_COMMON = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "num_conv_pos_embeddings",
    "num_conv_pos_embedding_groups", "layer_norm_eps", "hidden_act", "feat_extract_activation", "conv_bias",
    "conv_dim", "conv_kernel", "conv_stride", "add_adapter",
)  # fmt: skip
_KEYS: Keys = {name: config_json.KEYS[name] for name in _COMMON}
_DEFAULTS: Config = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "layer_norm_eps": 1e-5,
    "hidden_act": "gelu",
    "feat_extract_activation": "gelu",
    "conv_bias": False,
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "add_adapter": False,
}
#: All but data2vec's choose where their norms are.
_NORMS: Keys = {"feat_extract_norm": config_json.KEYS["feat_extract_norm"], "do_stable_layer_norm": FLAG}
_NORM_DEFAULTS: Config = {"feat_extract_norm": "group", "do_stable_layer_norm": False}
_ADAPTER: Keys = {"adapter_attn_dim": one_of(None)}

_PREPROCESSING: Keys = {"do_normalize": FLAG, "sampling_rate": one_of(SAMPLE_RATE)}
_PREPROCESSING_DEFAULTS: Config = {"do_normalize": True, "sampling_rate": SAMPLE_RATE}


class SpeechKind(ModelKind):
    """An encoder over a waveform: convolutions, then transformer blocks."""

    def width(self, settings: Mapping[str, Any]) -> int:
        return config_json.width(settings)

    def misfits(self, settings: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> list[str]:
        return config_json.misfits(settings)

    def activations(self, settings: Mapping[str, Any]) -> Activations:
        # The most that goes through the network at once; shorter sounds take less.
        samples = PIECE_S * SAMPLE_RATE
        values = FIRST_CONVOLUTIONS * settings["conv_dim"][0] * samples / settings["conv_stride"][0]
        return Activations(int(values), inputs=samples)

    def around(self, model: Any, config: Config) -> nn.Module:
        from emollama_hf.encoders.hubert.waveform_network import WaveformNetwork

        # The vector of the training's masks, which UniSpeech-SAT has even where nothing is masked.
        model.masked_spec_embed = None
        return WaveformNetwork(model, config["preprocessing"]["do_normalize"])


def _kind(model_type: str, class_name: str, keys: Keys, defaults: Config) -> SpeechKind:
    return SpeechKind(
        model_type,
        class_name,
        {**_KEYS, **keys},
        {**_DEFAULTS, **defaults},
        _PREPROCESSING,
        _PREPROCESSING_DEFAULTS,
        fixed=INFERENCE,
    )


SPEECH_KINDS: tuple[SpeechKind, ...] = (
    _kind(
        "hubert",
        "HubertModel",
        {**_NORMS, "feat_proj_layer_norm": FLAG, "conv_pos_batch_norm": one_of(False)},
        {**_NORM_DEFAULTS, "feat_proj_layer_norm": True, "conv_pos_batch_norm": False},
    ),
    _kind("wav2vec2", "Wav2Vec2Model", {**_NORMS, **_ADAPTER}, _NORM_DEFAULTS),
    _kind(
        "wavlm",
        "WavLMModel",
        {**_NORMS, "num_buckets": config_json.KEYS["num_buckets"], "max_bucket_distance": whole(2, 1_000_000)},
        {**_NORM_DEFAULTS, "num_buckets": 320, "max_bucket_distance": 800},
    ),
    _kind("unispeech", "UniSpeechModel", _NORMS, _NORM_DEFAULTS),
    _kind("unispeech-sat", "UniSpeechSatModel", _NORMS, _NORM_DEFAULTS),
    _kind(
        "data2vec-audio",
        "Data2VecAudioModel",
        # As many convolutions of positions as num_conv_pos_embeddings, each of this length.
        {"conv_pos_kernel_size": whole(1, 1024)},
        {"conv_pos_kernel_size": 19, "num_conv_pos_embeddings": 5},
    ),
)
