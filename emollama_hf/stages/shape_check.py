"""Whether stages fit each other: each reads a column in the shape in which an earlier stage computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emollama_hf.errors import ModelError, PluginError
from emollama_hf.stages.known_stages import described
from emollama_hf.stages.plugin_questions import asked
from emollama_hf.stages.step import Step


def check_shapes(stages: Sequence[Step]) -> None:
    """Compare what stages read with what the stages before them compute; no weights are read.

    A model directory may hold parts of different sizes, each of use by itself. Without this check every row would fail.

    Args:
        stages: in the order in which they run.

    Raises:
        ModelError: a stage computes a column in another shape than a later stage reads; the message has both shapes.
        PluginError: the same of two stages without weights; or a stage does not say its shapes.
    """
    makers: dict[str, Step] = {}
    for stage in stages:
        for column, wanted in shapes_read(stage, described(type(stage))).items():
            maker = makers.get(column)
            found = None if maker is None else maker.outputs()[column].shape
            if maker is None or found is None or _agree(found, wanted):
                continue
            weights = stage.has_weights or maker.has_weights
            remedy = (
                "Convert checkpoints whose sizes fit, or give the data set this column in the shape that is read."
                if weights
                else "One of the two declares the column wrongly."
            )
            message = (
                f"{described(type(stage))} reads the column {column!r} in the shape {_shown(wanted)}, and "
                f"{described(type(maker))} computes it in the shape {_shown(found)}. {remedy}"
            )
            raise (ModelError if weights else PluginError)(message)
        makers |= dict.fromkeys(stage.makes, stage)


def shapes_read(stage: Step, origin: str) -> Mapping[str, Sequence[int]]:
    """What a stage says of the shapes that it reads.

    Args:
        stage: is asked `input_shapes()`.
        origin: the stage, as messages say it.

    Raises:
        ModelError: the model that says it is not there.
        PluginError: the stage raises something else, or returns no shapes.
    """
    with asked(origin, "its input_shapes() cannot be asked for", passing=(ModelError,)):
        shapes = stage.input_shapes()
    if not isinstance(shapes, Mapping) or not all(map(_is_shape, shapes.values())):
        raise PluginError(
            f"{origin}: input_shapes() returned {shapes!r:.80}, expected shapes by column, such as "
            '{"facemae": (1024,)}; {} for none.'
        )
    return shapes


def _is_shape(shape: object) -> bool:
    return isinstance(shape, tuple | list) and all(isinstance(side, int) for side in shape)


def _agree(found: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether two shapes can be the same: a side of -1 may have any length in either."""
    return len(found) == len(wanted) and all(-1 in (a, b) or a == b for a, b in zip(found, wanted, strict=True))


def _shown(shape: Sequence[int]) -> str:
    sides = ", ".join("any" if side < 0 else str(side) for side in shape)
    return f"({sides}{',' if len(shape) == 1 else ''})"
