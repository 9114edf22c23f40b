"""LoRA's alpha and rank, which are said in several places: one value each, or an error that names the places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from emollama_hf.encoders.emotion_llama.lora import FACTOR, recorded, recorded_alpha
from emollama_hf.encoders.sections import Values
from emollama_hf.encoders.weight_source import OpenedSource
from emollama_hf.errors import ModelError

#: How errors call the places, by the names that provenance.json has for them.
PLACES = {"option": "--lora-alpha", "architecture": "the architecture's lora.alpha", "checkpoint": "{} records"}


def lora_alpha(
    option: float | Iterable[float] | None, sections: Mapping[str, Values], source: OpenedSource | None
) -> tuple[float | None, str | None]:
    """(alpha, which of `PLACES` says it), the first of the places that say it.

    option: as it was given, perhaps more than once.  sections: of the architecture, checked.
    source: the Emotion-LLaMA checkpoint, if LoRA will be merged.
    Raises ModelError if no place says it and there is LoRA to merge, if two say different values, and if the rank that
    the architecture or the checkpoint's configuration says is not that of the factors.
    """
    label = "the Emotion-LLaMA checkpoint" if source is None else source.label
    options = [] if option is None else [option] if isinstance(option, int | float) else list(option)
    said = [("option", _positive(value)) for value in options]
    said += [("architecture", _positive(value)) for value in _of_section(sections, "alpha")]
    if source is not None:
        _check_rank(sections, source)
        if not said or recorded(source.extra, "lora_alpha") is not None:
            said.append(("checkpoint", _positive(recorded_alpha(source.extra, label))))
    if len({value for _, value in said}) > 1:
        listed = ", ".join(f"{value:g} ({PLACES[place].format(label)})" for place, value in said)
        raise ModelError(
            f"LoRA alpha is given with different values: {listed}. Give the training's, in one place; what the "
            "checkpoint records counts unless its 'model' alone is saved in another file."
        )
    place, value = said[0] if said else (None, None)
    return value, place


def _check_rank(sections: Mapping[str, Values], source: OpenedSource) -> None:
    own = recorded(source.extra, "lora_r")
    said = {f"{value:g} (the architecture's lora.r)": value for value in _of_section(sections, "r")}
    said |= {} if own is None else {f"{own:g} (config.model.lora_r in the file)": own}
    ranks = {tensor.shape[0] for name, tensor in source.state.items() if FACTOR.search(name)}
    wrong = [shown for shown, value in said.items() if ranks and {value} != ranks]
    if wrong:
        found = ", ".join(map(str, sorted(ranks)))
        raise ModelError(
            f"{source.label}: its LoRA factors have rank {found}, but {' and '.join(wrong)} is said. The scale is "
            "alpha divided by the rank: give the configuration that belongs to this checkpoint."
        )


def _of_section(sections: Mapping[str, Values], name: str) -> list[float]:
    """`alpha` or `r` of LoRA where the architecture says it, under peft's name (`lora_alpha`), too."""
    lora = sections.get("lora", {})
    return [float(lora[key]) for key in (name, f"lora_{name}") if lora.get(key) is not None]


def _positive(alpha: float) -> float:
    value = float(alpha)
    if not 0 < value < float("inf"):
        raise ModelError(f"lora_alpha={alpha!r}: expected a number above 0; it is 16 in all published configurations.")
    return value
