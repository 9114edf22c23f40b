"""Encoders of speech by name, as the rest of the package knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.hubert.config_json import FULL, TINY
from emollama_hf.encoders.hubert.source import UNUSED
from emollama_hf.encoders.kind_encoder import KindEncoder
from emollama_hf.encoders.model_kind import ModelKind
from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.encoders.sound_encoder.speech_kinds import SPEECH_KINDS
from emollama_hf.encoders.sound_encoder.whisper_kind import WHISPER

_WAV2VEC2 = next(kind for kind in SPEECH_KINDS if kind.model_type == "wav2vec2")


class SoundEncoder(KindEncoder):
    """Any encoder of speech of transformers: vectors for the sound of a clip."""

    name = "sound_encoder"
    settings_names: ClassVar[tuple[str, ...]] = ("preprocessor_config.json", "processor_config.json")
    kinds: ClassVar[tuple[ModelKind, ...]] = (*SPEECH_KINDS, WHISPER)
    tiny: ClassVar[Config] = _WAV2VEC2.part(TINY, {}, "random-tiny")
    full: ClassVar[Config] = _WAV2VEC2.part(FULL, {}, "random-full")
    left_out: ClassVar[tuple[str, ...]] = (
        *UNUSED,
        r"(\w+\.)?masked_spec_embed$",
        r"(model\.)?decoder\.",  # Whisper's
        r"proj_out\.",
    )

    def preprocessing(self, files: ModelFiles) -> Mapping[str, Any] | None:
        nested = files.others.get("processor_config.json", {}).get("feature_extractor")
        return nested if isinstance(nested, Mapping) else files.others.get("preprocessor_config.json")
