"""`--option NAME=VALUE`: options of stages that have no flag of their own, by the types of their fields."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from emollama_hf.stages.config import StageConfig
from emollama_hf.stages.known_stages import known_stages
from emollama_hf.stages.option_text import read_option
from emollama_hf.stages.options import option_fields


def typed_options(texts: Iterable[str], *, flags: Collection[str]) -> dict[str, Any]:
    """The options that somebody typed, each as a value of its type.

    Args:
        texts: "NAME=VALUE" of each.
        flags: names of options that have a flag.

    Raises:
        ValueError: a text without "=", a name that no stage has (the message lists those that exist), a name that has a
            flag, a name that is typed twice, or a value that is not of the option's type.

    Example:
        >>> typed_options(["num_frames=8"], flags=["peak"])
        {'num_frames': 8}
    """
    own = {*flags, "model", "on_error"}
    found: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise ValueError(f"--option {text}: expected NAME=VALUE, such as --option num_frames=8")
        if name in own:
            raise ValueError(f"--option {text}: {name} has a flag of its own, --{name.replace('_', '-')}.")
        if name in found:
            raise ValueError(f"--option {name} is there twice. Leave one of them out.")
        configs = [one.Config for one in known_stages() if name in option_fields(one.Config, one.placement_options)]
        if not configs:
            names = {option for one in known_stages() for option in option_fields(one.Config, one.placement_options)}
            raise ValueError(f"--option {text}: unknown option {name!r}. Valid: {', '.join(sorted(names - own))}")
        found[name] = _read(name, value, configs)
    return found


def _read(name: str, value: str, configs: Iterable[type[StageConfig]]) -> Any:
    """The value by the type of the first field that it fits: stages differ in the levels that they have.

    Raises:
        ValueError: it fits none; the message has what each of them expects.
    """
    errors: list[str] = []
    for config in configs:
        try:
            return read_option(name, value, config)
        except ValueError as error:
            errors.append(str(error))
    raise ValueError("; ".join(dict.fromkeys(errors)))
