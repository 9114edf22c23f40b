"""Stages whose encoder and whose column somebody names: any network of timm or transformers.

    FaceEmbed("timm/resnet50.a1_in1k", column="resnet50")  ─►  class face_embed_resnet50, which computes `resnet50`

Everything that has to know what computes a column asks for a class: cards, `verify`, `push`, keys of stored rows. So
each column and level is a class of its own, which is made from its name alone (`named_stage`), on any machine.
"""

from __future__ import annotations

import keyword
import os
from contextlib import suppress
from dataclasses import replace
from functools import cache, lru_cache
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from emollama_hf import schema
from emollama_hf.checkpoints import ModelSource
from emollama_hf.checkpoints.memory import StageMemory, activation_bytes, weight_bytes
from emollama_hf.checkpoints.random_model import RANDOM_MODELS, RandomSource
from emollama_hf.encoders.credit import Credit
from emollama_hf.errors import ModelError
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.contract_check import RESERVED_COLUMNS
from emollama_hf.stages.known_stages import add_named, described, find_maker
from emollama_hf.stages.model_stage import ModelStage

if TYPE_CHECKING:
    from emollama_hf.pretrained.pretrained_source import PretrainedSource
    from emollama_hf.stages.stage import Stage

LEVELS = ("clip", "frame")
_families: list[type[NamedEncoder]] = []
#: Characters of a column's name.
LONGEST_NAME = 40


class NamedEncoder(ModelStage):
    """A stage that was given an encoder and the name of its column.

    A subclass says its `part`, and by level how its stages are called (`stage_names`); `column` and `level` are those
    of the class that a call of the constructor makes.
    """

    rounds = "once"
    placement_options = ("model", "revision", "weights", "device", "batch_size", "compile")
    #: By level, what the name of a stage begins with: {"clip": "face_embed", "frame": "face_sequence"}.
    stage_names: ClassVar[dict[str, str]]
    #: What its encoder reads, in sentences: "face crops".
    reads: ClassVar[str]
    #: The class that was subclassed for a column.
    family: ClassVar[type[NamedEncoder]]
    column: ClassVar[str] = ""
    level: ClassVar[str] = "clip"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "stage_names" in vars(cls):
            cls.family = cls
            _families.append(cls)
        taken = [one for name, one in cls.__signature__.parameters.items() if name != "model"]
        own = [
            Parameter("encoder", Parameter.POSITIONAL_OR_KEYWORD, annotation="str | os.PathLike[str]"),
            Parameter("column", Parameter.KEYWORD_ONLY, annotation="str"),
        ]
        cls.__signature__ = cls.__signature__.replace(parameters=[*own, *taken])

    def __new__(cls, encoder: str | os.PathLike[str], *, column: str | None = None, **options: Any) -> NamedEncoder:
        level = options.get("level", cls.level)
        if not cls.column:
            if column is None:
                raise TypeError(f"{cls.__name__}() lacks column=: the name of the column that the encoder computes.")
            return object.__new__(column_class(cls, column, level))
        if (column or cls.column, level) != (cls.column, cls.level):
            raise TypeError(
                f"{cls.__name__} computes {cls.column!r} at level {cls.level!r}; call {cls.family.__name__}."
            )
        return object.__new__(cls)

    def __init__(self, encoder: str | os.PathLike[str], *, column: str | None = None, **options: Any) -> None:
        super().__init__(encoder, **{**options, "level": self.level})

    __init__.is_derived = True  # type: ignore[attr-defined]

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        return cls("random-tiny"), cls("random-full")

    @property
    def source(self) -> ModelSource:
        if self._source is not None:
            return self._source
        where = self.resolved_placement()
        return _opened(type(self).family, str(where.model), where.revision, where.weights)

    def resolved_placement(self) -> Any:
        # Of what `configure` has set, the device alone: its model is another.
        where = self.placement
        return replace(where, device=super().resolved_placement().device)

    @property
    def given_names(self) -> tuple[str, str | None]:
        """Its encoder and the file of its weights as they may be told: of a path the last part alone."""
        where = self.resolved_placement()
        return _told(str(where.model)), None if where.weights is None else _told(str(where.weights))

    @property
    def encoder(self) -> str:
        """Its encoder as a card names it: "timm/resnet50.a1_in1k", "resnet50 with affectnet.pth"."""
        return " with ".join(name for name in self.given_names if name is not None)

    @property
    def uses_run_model(self) -> bool:
        return False

    @property
    def slot(self) -> str:
        return self.name

    def parts_beside(self) -> tuple[str, ...]:
        return ()

    def brought_memory(self) -> StageMemory:
        config, dtype = self.source.config(self.part), self._policy()
        return StageMemory(weight_bytes(self.part, config, dtype), activation_bytes(self.part, config, dtype))

    def credited(self) -> Credit | None:
        return self.credit

    def pinned(self) -> ModelStage:
        twin = super().pinned()
        twin.source.config(self.part)
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        restore, (_, *state) = super().__reduce__()
        return _restore_named, (restore, self.family, self.column, self.level, *state)


def column_class(family: type[NamedEncoder], column: str, level: str) -> type[NamedEncoder]:
    """The class that computes a column at a level; the same one for the same names.

    Raises:
        TypeError: the name of the column is no text.
        ValueError: the name is no short word, or a column of something else; or there is no such level.
    """
    check_choice("level", level, tuple(family.stage_names))
    if not isinstance(column, str):
        raise TypeError(f"column={column!r}: expected the name of a column, a text")
    if not column.isidentifier() or keyword.iskeyword(column) or not column.isascii() or len(column) > LONGEST_NAME:
        raise ValueError(
            f"column={column!r:.80}: expected a short name of letters, digits and underscores, such as 'resnet50'"
        )
    name = f"{family.stage_names[level]}_{column}"
    maker = find_maker(column)
    if column in (*RESERVED_COLUMNS, *schema.ROW_NAMES, schema.HAS_AUDIO):
        raise ValueError(f"column={column!r} is read or written by this package. Choose another name.")
    if maker is not None and not issubclass(maker, NamedEncoder):
        raise ValueError(f"column={column!r} is one that {described(maker)} computes. Choose another name.")
    made = _made(family, column, level, name)
    add_named(made, column)
    return made


def named_stage(name: str) -> type[NamedEncoder] | None:
    """The class of a stage's name, such as "face_embed_resnet50"; None if no class can have that name."""
    for family in _families:
        for level, begins in family.stage_names.items():
            if name.startswith(f"{begins}_"):
                with suppress(ValueError):  # a name that no stage of this package has
                    return column_class(family, name.removeprefix(f"{begins}_"), level)
    return None


@cache
def _made(family: type[NamedEncoder], column: str, level: str, name: str) -> type[NamedEncoder]:
    own = {"__doc__": family.__doc__, "__module__": family.__module__, "name": name, "column": column, "level": level}
    return type(f"{family.__name__}_{column}", (family,), own)


def _told(given: str) -> str:
    return Path(given).name if Path(given).exists() or Path(given).is_absolute() else given


def _opened(family: type[NamedEncoder], encoder: str, revision: str | None, weights: str | None) -> ModelSource:
    if encoder in RANDOM_MODELS:
        if weights is not None or revision is not None:
            raise ModelError(f"{encoder} has random weights: leave weights and revision out.")
        return RandomSource(encoder)
    source = opened_encoder(encoder, revision, weights)
    if source.part != family.part:
        raise ModelError(
            f"{encoder} is an encoder of {stage_of_part(source.part).reads}, and {family.__name__} takes one of "
            f"{family.reads}. Use "
            f"{stage_of_part(source.part).__name__}."
        )
    return source


def opened_encoder(encoder: str, revision: str | None, weights: str | None) -> PretrainedSource:
    """`open_pretrained`, which reads configurations and builds an empty network, once as long as the files stay."""
    files = [path for given in (encoder, weights) if given is not None for path in _files(Path(given))]
    stats = tuple((str(path), stat.st_mtime_ns, stat.st_size) for path in files for stat in [path.stat()])
    return _once(encoder, revision, weights, stats)


@lru_cache(maxsize=64)
def _once(encoder: str, revision: str | None, weights: str | None, stats: tuple[Any, ...]) -> PretrainedSource:
    from emollama_hf.pretrained import open_pretrained

    return open_pretrained(encoder, revision=revision, weights=weights)


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path] * path.is_file()


def stage_of_part(part: str) -> type[NamedEncoder]:
    """The family of stages that runs encoders of a kind: `FaceEmbed` for "image_encoder"."""
    return next(one for one in _families if one.part == part)


def family_of_kind(kind: str) -> type[NamedEncoder]:
    """The family of stages that reads "face", "video" or "audio"."""
    return next(one for one in _families if one.stage_names["clip"] == f"{kind}_embed")


def _restore_named(restore: Any, family: type[NamedEncoder], column: str, level: str, *state: Any) -> Stage:
    stage: Stage = restore(column_class(family, column, level), *state)
    return stage
