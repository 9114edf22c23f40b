"""Values of a recipe as they are typed: `--class-weight MW=1.6`, `--betas 0.9,0.999`, `--clip-norm 0`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emollama_hf.training.training_error import TrainingError


def typed_recipe(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were typed, as `emollama_hf.finetune` takes them.

    Args:
        given: By the names of `Recipe`'s attributes; None for what was not typed.

    Raises:
        TrainingError: A text that is no CLASS=VALUE, a class that is typed twice, or a weight that is no number.

    Example:
        >>> typed_recipe({"class_weights": ["MW=1.6", "NonMW=0.7"], "epochs": None})
        {'class_weights': {'MW': 1.6, 'NonMW': 0.7}}
    """
    found = {name: value for name, value in given.items() if value is not None}
    if "betas" in found:
        found["betas"] = _betas(found["betas"])
    if found.get("clip_norm") == 0:
        found["clip_norm"] = None
    if "class_weights" in found:
        found["class_weights"] = _weights(found["class_weights"])
    if "target_texts" in found:
        found["target_texts"] = _by_class(found["target_texts"], "--target-text")
    return found


def _betas(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(one) for one in text.split(","))
    except ValueError:
        raise TrainingError(f"--betas {text}: expected two numbers, such as 0.9,0.999.") from None


def _weights(texts: Sequence[str]) -> Any:
    if len(texts) == 1 and texts[0] in ("balanced", "none"):
        return "balanced" if texts[0] == "balanced" else None
    found: dict[str, float] = {}
    for name, text in _by_class(texts, "--class-weight").items():
        try:
            found[name] = float(text)
        except ValueError:
            raise TrainingError(f"--class-weight {name}={text}: expected a number, such as {name}=1.6.") from None
    return found


def _by_class(texts: Sequence[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise TrainingError(f"{option} {text}: expected CLASS=VALUE, such as {option} MW=...")
        if name in found:
            raise TrainingError(f"{option} {name} is there twice. Leave one of them out.")
        found[name] = value
    return found
