"""The encoder of speech, as the rest of the package knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.conversion import OneSourceConversion
from emollama_hf.encoders.encoder import Activations, Encoder
from emollama_hf.encoders.hubert.config_json import (
    DEFAULTS,
    FULL,
    KEYS,
    PIECE_S,
    SAMPLE_RATE,
    TINY,
    misfits,
    width,
)
from emollama_hf.encoders.hubert.part_config import hubert_part_config
from emollama_hf.encoders.hubert.source import HUBERT, PREPROCESSOR
from emollama_hf.encoders.sections import Values

if TYPE_CHECKING:
    from emollama_hf.encoders.conversion import State, Tensors
    from emollama_hf.encoders.hubert.network import Hubert

#: Values of the first convolution's output that exist at once, in units of its size, as measured.
FIRST_CONVOLUTIONS = 3.5


class HubertConversion(OneSourceConversion):
    """A directory of transformers, which knows its own sizes."""

    sources = (HUBERT,)

    def config(
        self, sections: Mapping[str, Values], extras: Mapping[str, Mapping[str, Any]], others: Mapping[str, Config]
    ) -> Config:
        found = extras.get(HUBERT.option)
        if found is None:
            return FULL
        return hubert_part_config(found, found.get(PREPROCESSOR, {}), where=f"the {HUBERT.flag} directory")

    def renamed(self, state: State, config: Config, *, where: str) -> Tensors:
        from emollama_hf.encoders.hubert.conversion import hubert_tensors

        return hubert_tensors(state, config, where=where)


class HubertEncoder(Encoder):
    """HuBERT, wav2vec 2.0 or WavLM: one vector for the sound of a clip."""

    name = "hubert"
    keys = KEYS
    tiny, full = TINY, FULL
    stored = "encoder"
    conversion = HubertConversion()
    optional = True

    def width(self, config: Config) -> int:
        return width(config)

    def misfits(self, config: Config) -> list[str]:
        return misfits(config)

    def network(self, config: Config) -> Hubert:
        from emollama_hf.encoders.hubert.network import Hubert

        return Hubert.from_config(config)

    def config_of(self, network: Any) -> Config:
        return {**super().config_of(network), "do_normalize": network.do_normalize}

    def activations(self, config: Config, stream_ratio: int) -> Activations:
        # The most that goes through the network at once; shorter sounds take less.
        samples = PIECE_S * SAMPLE_RATE
        sizes = {**DEFAULTS, **config}
        values = FIRST_CONVOLUTIONS * sizes["conv_dim"][0] * samples / sizes["conv_stride"][0]
        return Activations(int(values), inputs=samples)
