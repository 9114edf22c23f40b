"""`--encoder COLUMN=ENCODER` and `--option COLUMN.NAME=VALUE`: encoders that are named on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from emollama_hf.stages import AudioEmbed, FaceEmbed, VideoEmbed
from emollama_hf.stages.given_encoders import KINDS
from emollama_hf.stages.option_text import read_option
from emollama_hf.stages.options import option_fields


def encoders_of(texts: Iterable[str], options: Iterable[str] = ()) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The encoders that somebody typed, with their options, as `extract` takes them; and the other options.

    Args:
        texts: "COLUMN=ENCODER" of each.
        options: "COLUMN.NAME=VALUE" for one of the encoders, or "NAME=VALUE" for all stages.

    Raises:
        ValueError: a text without "=", a column that is typed twice or has no encoder, an option that no encoder has or
            that is typed twice, or a value that is not of the option's type.

    Example:
        >>> encoders_of(["resnet50=timm/resnet50.a1_in1k"], ["resnet50.level=frame", "num_frames=8"])
        ({'resnet50': {'encoder': 'timm/resnet50.a1_in1k', 'level': 'frame'}}, ['num_frames=8'])
    """
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        column, separator, encoder = text.partition("=")
        if not separator or not column or not encoder:
            raise ValueError(
                f"--encoder {text}: expected COLUMN=ENCODER, such as --encoder resnet50=timm/resnet50.a1_in1k"
            )
        if column in found:
            raise ValueError(f"--encoder {column} is there twice. Leave one of them out, or name another column.")
        found[column] = {"encoder": encoder}
    others = []
    for text in options:
        name, separator, value = text.partition("=")
        column, dot, option = name.partition(".")
        if not separator or not dot:
            others.append(text)
            continue
        if column not in found:
            raise ValueError(f"--option {text}: there is no --encoder {column}=... Valid: {', '.join(found) or 'none'}")
        if option in found[column]:
            raise ValueError(f"--option {name} is there twice. Leave one of them out.")
        found[column][option] = _value(text, option, value)
    return found, others


def _value(text: str, option: str, value: str) -> Any:
    """An option's value by the type that the first kind of stage declares which takes it."""
    if option == "kind":
        if value not in KINDS:
            raise ValueError(f"--option {text}: expected one of {', '.join(KINDS)}")
        return value
    if option in ("weights", "revision"):
        return value
    errors = []
    for family in (FaceEmbed, VideoEmbed, AudioEmbed):
        if option in option_fields(family.Config, ()):
            try:
                return read_option(option, value, family.Config)
            except ValueError as error:
                errors.append(str(error))
    if errors:
        raise ValueError(f"--option {text}: {'; '.join(dict.fromkeys(errors))}")
    names = {name for family in (FaceEmbed, VideoEmbed, AudioEmbed) for name in option_fields(family.Config, ())}
    valid = ", ".join(sorted({*names, "kind", "weights", "revision"} - {"on_error"}))
    raise ValueError(f"--option {text}: an encoder has no option {option!r}. Valid: {valid}")
