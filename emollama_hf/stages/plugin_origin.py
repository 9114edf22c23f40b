"""Where a stage of another package comes from: its distribution, or its module where no distribution has it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path


@dataclass(frozen=True)
class PluginOrigin:
    """The package of a stage.

    Args:
        module: the module that defines the class: "face_motion".
        distribution: the installed distribution that has this module: "face-motion"; None if none has it.
        version: of the distribution.

    Example:
        >>> str(PluginOrigin("face_motion", "face-motion", "1.0")), str(PluginOrigin("my_script"))
        ('face-motion 1.0', 'the module my_script')
    """

    module: str
    distribution: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        if self.distribution is None:
            return f"the module {self.module}"
        return f"{self.distribution} {self.version}"


def origin_by_module(stage: type) -> PluginOrigin:
    """The origin of a class that no entry point names, found by the module that defines it."""
    module = stage.__module__
    for name in _distributions(tuple(sys.path)).get(module.partition(".")[0], ()):
        try:
            found = distribution(name)
        except PackageNotFoundError:  # removed meanwhile
            continue
        if _has(found, module):
            return PluginOrigin(module, found.name, found.version)
    return PluginOrigin(module)


@cache  # a second's work; another path may have other distributions
def _distributions(path: tuple[str, ...]) -> Mapping[str, list[str]]:
    return packages_distributions()


def _has(found: Distribution, module: str) -> bool:
    """Whether a distribution has the module that is imported, and not another module of that name on the path."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return False
    inside = Path(file).resolve().is_relative_to(Path(str(found.locate_file(""))).resolve())
    return inside or '"editable": true' in (found.read_text("direct_url.json") or "")
