"""The stages that are known by name: those of this package, and those of others.

Another package makes a stage known by an entry point of the group `emollama_hf.stages`, which names its class:

    [project.entry-points."emollama_hf.stages"]
    brightness = "my_package:Brightness"

or at run time by `register(Brightness)`. Entry points are read when somebody first asks for a stage. One that cannot be
used is a warning then, and an error (`PluginError`) where its stage is asked for; the others go on working.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from emollama_hf.console.logs import package_logger
from emollama_hf.errors import PluginError
from emollama_hf.stages.plugin_origin import PluginOrigin, origin_by_module
from emollama_hf.stages.plugin_questions import asked

if TYPE_CHECKING:
    from emollama_hf.stages.stage import Stage

logger = package_logger(__name__)

GROUP = "emollama_hf.stages"
#: What stages of this package come from.
BUILT_IN = "emollama_hf"

_stages: dict[str, type[Stage]] = {}
#: Where each stage comes from: "plug-in 'brightness' of the distribution my-package 1.0".
_origins: dict[type[Stage], str] = {}
#: The distributions of the stages that entry points name.
_distributions: dict[type[Stage], PluginOrigin] = {}
_makers: dict[str, type[Stage]] = {}
#: Why a plug-in cannot be used, by its name.
_broken: dict[str, PluginError] = {}
_is_loaded = False
_check: Callable[[type[Stage], str], tuple[str, ...]] | None = None
#: Makes the class of a stage whose name says its column, such as "face_embed_resnet50".
_by_name: Callable[[str], type[Stage] | None] | None = None


def register(stage: type[Stage]) -> type[Stage]:
    """Make a stage known by its name: to `extract(stages=[...])`, the command line, cards, `verify` and `push`.

    Args:
        stage: a subclass of `Stage` or `ModelStage` that can be made without arguments.

    Returns:
        The same class, so that it can stand above a class as a decorator.

    Raises:
        PluginError: the class is no complete stage, or a stage or a column of that name exists.

    Example:
        >>> emollama_hf.register(Brightness)
        >>> ds = emollama_hf.extract(ds, stages=["brightness"], scale=1.0)
    """
    _load()
    origin = f"plug-in {getattr(stage, '__module__', '?')}.{getattr(stage, '__qualname__', stage)}"
    with asked(origin):
        _add(stage, origin)
    return stage


def known_stages() -> tuple[type[Stage], ...]:
    """All stages that are known: those of this package in the order in which data flows, then others."""
    _load()
    return tuple(_stages.values())


def broken_plugins() -> dict[str, PluginError]:
    """Plug-ins that cannot be used, and why, by their names."""
    _load()
    return dict(_broken)


def stage_named(name: str) -> type[Stage] | None:
    """The stage of a name, or None.

    Raises:
        PluginError: the plug-in of that name cannot be used.
    """
    _load()
    if name in _broken and name not in _stages:
        raise _broken[name]
    return _stages.get(name) or (None if _by_name is None else _by_name(name))


def find_maker(column: str) -> type[Stage] | None:
    """The stage that computes a column; None if none is known that does."""
    _load()
    return _makers.get(column)


def maker_of(column: str) -> type[Stage]:
    """The stage that computes a column. Raises KeyError if none is known that does."""
    _load()
    return _makers[column]


def position_of(stage: type[Stage]) -> int:
    """Where a stage stands in the order of known stages; one that is not known stands last."""
    return next((at for at, one in enumerate(known_stages()) if one is stage), len(_stages))


def described(stage: type) -> str:
    """A stage and where it comes from, for messages: "stage 'brightness' (plug-in ... of the distribution ...)"."""
    where = _origins.get(stage, f"{stage.__module__}.{stage.__qualname__}")
    origin = None if stage in _distributions else origin_of(stage)
    if origin is not None and origin.distribution is not None:
        where += f" of the distribution {origin}"
    return f"stage {getattr(stage, 'name', stage.__name__)!r} ({where})"


def origin_of(stage: type) -> PluginOrigin | None:
    """The package of another package's stage, whether it is known by name or not; None for a stage of this package."""
    if stage.__module__.partition(".")[0] == BUILT_IN:
        return None
    return _distributions.get(stage) or origin_by_module(stage)


def add_built_in(
    stages: tuple[type[Stage], ...],
    check: Callable[[type[Stage], str], tuple[str, ...]],
    by_name: Callable[[str], type[Stage] | None],
) -> None:
    """Called once by `emollama_hf.stages`: this package's own stages, and what checks those of others.

    Args:
        stages: in the order in which data flows.
        check: returns the columns that a stage computes; raises PluginError if the stage breaks the contract.
        by_name: returns the class of a stage whose name says its column, and makes it known (`add_named`).
    """
    global _check, _by_name
    _check, _by_name = check, by_name
    for stage in stages:
        _add(stage, BUILT_IN)


def add_named(stage: type[Stage], column: str) -> None:
    """Make the class of a named encoder known; of two that compute a column of one name, the last is its maker."""
    _stages.setdefault(stage.name, stage)
    _origins[stage] = BUILT_IN
    _makers[column] = stage


def _add(stage: type[Stage], origin: str) -> None:
    if _stages.get(getattr(stage, "name", "")) is stage:
        return
    if _check is None:
        raise PluginError(f"{origin}: import emollama_hf.stages before a stage is registered.")
    columns = _check(stage, origin)
    taken = _stages.get(stage.name)
    if taken is not None and (taken.__module__, taken.__qualname__) != (stage.__module__, stage.__qualname__):
        raise PluginError(f"{origin}: a stage {stage.name!r} exists already ({_origins[taken]}). Choose another name.")
    for column in columns:
        maker = _makers.get(column)
        if maker is not None and maker.name != stage.name:
            raise PluginError(
                f"{origin}: its column {column!r} is one that {described(maker)} computes. Choose another name."
            )
    if taken is not None:  # the cell of a notebook that defines it was run again
        for column in [name for name, maker in _makers.items() if maker is taken]:
            del _makers[column]
    _stages[stage.name], _origins[stage] = stage, origin
    _makers.update(dict.fromkeys(columns, stage))


def _load() -> None:
    """Read the entry points once. A plug-in that registers itself while it is imported comes here again."""
    global _is_loaded
    if _is_loaded:
        return
    _is_loaded = True
    try:
        _read_entry_points()
    except BaseException:  # interrupted: the next one who asks reads them all
        _is_loaded = False
        raise


def _read_entry_points() -> None:
    for point in sorted(entry_points(group=GROUP), key=lambda one: (_distribution(one), one.name)):
        origin = f"plug-in {point.name!r} of the distribution {_distribution(point)}"
        try:
            with asked(origin):
                _check_requirement(point, origin)
                stage = _imported(point, origin)
                _add(stage, origin)
            if point.dist is not None:
                _distributions[stage] = PluginOrigin(stage.__module__, point.dist.name, point.dist.version)
        except PluginError as error:
            _broken[point.name] = error
            logger.warning("%s Other stages are not affected.", error)


def _imported(point: EntryPoint, origin: str) -> type[Stage]:
    with asked(origin, f"{point.value} cannot be imported"):
        stage: type[Stage] = point.load()
    if getattr(stage, "name", point.name) != point.name:
        raise PluginError(f"{origin}: its stage is called {stage.name!r}. Give the entry point that name.")
    return stage


def _check_requirement(point: EntryPoint, origin: str) -> None:
    """Raise PluginError if the plug-in's distribution needs another version of this package."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion, Version

    from emollama_hf import __version__

    try:
        here = Version(__version__)
    except InvalidVersion:
        return
    for text in (point.dist.requires or ()) if point.dist is not None and here.local != "checkout" else ():
        try:
            needed = Requirement(text)
        except InvalidRequirement as error:
            raise PluginError(f"{origin}: its requirement {text!r} cannot be read: correct Requires-Dist.") from error
        is_this = needed.name.lower().replace("-", "_") == BUILT_IN and (
            needed.marker is None or needed.marker.evaluate({"extra": ""})
        )
        if is_this and not needed.specifier.contains(here, prereleases=True):
            raise PluginError(f"{origin} needs emollama_hf{needed.specifier}; this is {here}. Update one of them.")


def _distribution(point: EntryPoint) -> str:
    return "(unknown)" if point.dist is None else f"{point.dist.name} {point.dist.version}"
