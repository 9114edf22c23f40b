"""Families of weights, a folder each. A new one is a folder and a line in `ENCODERS`. No torch."""

from __future__ import annotations

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.credit import Credit
from emollama_hf.encoders.emotion_llama.encoder import EmotionLlamaEncoder
from emollama_hf.encoders.encoder import Encoder
from emollama_hf.encoders.facemae.encoder import FaceMAEEncoder
from emollama_hf.encoders.hubert.encoder import HubertEncoder
from emollama_hf.encoders.image_encoder.encoder import ImageEncoder
from emollama_hf.encoders.sound_encoder.encoder import SoundEncoder
from emollama_hf.encoders.video_encoder.encoder import VideoEncoder
from emollama_hf.encoders.videomae.encoder import VideoMAEEncoder
from emollama_hf.encoders.weight_source import WeightSource
from emollama_hf.errors import ModelError

#: In the order in which a clip goes through them.
ENCODERS: tuple[Encoder, ...] = (
    FaceMAEEncoder(),
    VideoMAEEncoder(),
    HubertEncoder(),
    EmotionLlamaEncoder(),
)

#: Of any model of timm or transformers: named by a person, and no folder of a model directory.
PRETRAINED: tuple[Encoder, ...] = (ImageEncoder(), VideoEncoder(), SoundEncoder())

_pretrained: dict[str, Encoder] = {encoder.name: encoder for encoder in PRETRAINED}
_known: dict[str, Encoder] = {encoder.name: encoder for encoder in ENCODERS}


def known_encoders() -> tuple[Encoder, ...]:
    """Every family: those of this package, and those that others have registered."""
    return tuple(_known.values())


def find_encoder(name: str) -> Encoder:
    """The family of that name. Raises ModelError if there is none."""
    if name in _pretrained:
        return _pretrained[name]
    if name not in _known:
        raise ModelError(f"{name!r} is no part of a model. Expected one of {', '.join(_known)}.")
    return _known[name]


def register_encoder(encoder: Encoder) -> None:
    """Make a family of another package known; registering the same class again changes nothing.

    Raises:
        TypeError: its credit is no `Credit`.
        ValueError: another family has its name, or reads an option of its conversion.
    """
    if not isinstance(encoder.credit, Credit | None):
        raise TypeError(f"encoder {encoder.name!r}: credit is {type(encoder.credit).__name__}, expected Credit or None")
    same = _known.get(encoder.name) or _pretrained.get(encoder.name)
    if same is not None and type(same) is not type(encoder):
        raise ValueError(f"an encoder named {encoder.name!r} exists: {type(same).__module__}.{type(same).__qualname__}")
    taken = {source.option for source in weight_sources()} if same is None else set()
    if taken & set(encoder.options):
        raise ValueError(f"encoder {encoder.name!r}: another reads {', '.join(sorted(taken & set(encoder.options)))}")
    _known.setdefault(encoder.name, encoder)


def weight_sources() -> tuple[WeightSource, ...]:
    """Everything that `convert` reads, in the order of the families."""
    conversions = [encoder.conversion for encoder in known_encoders() if encoder.conversion is not None]
    return tuple(source for conversion in conversions for source in conversion.sources)


def find_source(option: str) -> WeightSource:
    """The source with that option of `convert`. Raises ModelError if there is none."""
    for source in weight_sources():
        if source.option == option:
            return source
    raise ModelError(f"{option!r} is no source. Expected one of {', '.join(one.option for one in weight_sources())}.")


def tiny_sizes() -> dict[str, Config]:
    """Toy configurations, by family."""
    return {encoder.name: encoder.tiny for encoder in known_encoders()}


def full_sizes() -> dict[str, Config]:
    """Configurations of the published models, by family."""
    return {encoder.name: encoder.full for encoder in known_encoders()}
