"""hubert/config.json for a directory as transformers writes it. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emollama_hf.encoders.config_checks import Config, checked
from emollama_hf.encoders.hubert.config_json import INFERENCE, KEYS, MODEL_TYPES, SAMPLE_RATE, misfits
from emollama_hf.errors import ModelError


def hubert_part_config(config: Mapping[str, Any], preprocessor: Mapping[str, Any], *, where: str) -> Config:
    """hubert/config.json for a directory's two configurations: what decides the result, and nothing else.

    Args:
        config: config.json.
        preprocessor: preprocessor_config.json.
        where: the directory's name in errors.

    Returns:
        The keys that are read of config.json, with `do_normalize` of the preprocessor.

    Raises:
        ModelError: another kind of model, another sampling rate, or sizes that are out of bounds or do not fit.
    """
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        raise ModelError(
            f"{where}: config.json says model_type {kind!r}, expected one of {', '.join(map(repr, MODEL_TYPES))}. Give "
            "a directory such as that of TencentGameMate/chinese-hubert-large."
        )
    rate = preprocessor.get("sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise ModelError(
            f"{where}: preprocessor_config.json says sampling_rate {rate!r:.40}, expected {SAMPLE_RATE}: sound is "
            "computed with at that rate only."
        )
    read = KEYS.keys() - {"do_normalize"}
    model_class = {"hubert": "HubertModel", "wav2vec2": "Wav2Vec2Model", "wavlm": "WavLMModel"}[kind]
    kept = {name: value for name, value in config.items() if name in read}
    normalize = preprocessor.get("do_normalize", True)
    sizes = checked(KEYS, {**kept, "do_normalize": normalize}, where, misfits)
    return {**sizes, "architectures": [model_class], **INFERENCE}
