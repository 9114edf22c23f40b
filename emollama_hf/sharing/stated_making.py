"""How rows were made, where the data set does not say so and somebody names the stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emollama_hf.errors import ShareError
from emollama_hf.feature_set.run_description import describe_run, made_with
from emollama_hf.sharing.source_rows import SourceRows
from emollama_hf.stages.dependencies import in_known_order
from emollama_hf.stages.known_stages import described
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.stages.stage import Stage
from emollama_hf.stages.transform import Transform


def with_making(rows: SourceRows, made_by: Transform | Sequence[Transform]) -> SourceRows:
    """The rows, with how the named stages made their columns.

    Args:
        rows: of a data set that does not say how it was made.
        made_by: a stage, or several in any order. Columns that these read, that the rows have and that none of them
            computes came with the data set.

    Raises:
        ShareError: the rows say it themselves, `made_by` is something else, or a stage computes no column that the
            rows have and none that another of these stages reads.
    """
    if rows.made:
        raise ShareError("made_by: the rows say themselves how they were made. Leave it out.")
    stages = _stages(made_by)
    for stage in stages:
        read = {name for one in stages if one is not stage for name in (*one.inputs, *one.optional_inputs)}
        if not {*rows.features, *read}.intersection([*stage.makes, *stage.carries]):
            raise ShareError(
                f"made_by: {described(type(stage))} computes {', '.join(stage.makes)}, which the rows do not have. "
                "Name the stages that made them."
            )
    computed = {name for stage in stages for name in stage.features}
    chain = Pipeline(in_known_order(stages)).chain(set(rows.features) - computed)
    return replace(rows, made=describe_run(Pipeline(chain), made_with=made_with(chain)))


def _stages(made_by: object) -> list[Stage]:
    given = list(made_by) if isinstance(made_by, list | tuple) else [made_by]
    stages: list[Stage] = []
    for one in given:
        if not isinstance(one, Stage | Pipeline):
            what = f"the class {one.__name__}" if isinstance(one, type) else f"{one!r:.80}"
            raise ShareError(
                f"made_by: got {what}, expected a stage such as emollama_hf.facemae_embed or FaceMAEEmbed(model), or a "
                "list of stages."
            )
        stages += one.stages if isinstance(one, Pipeline) else [one]
    twice = [one.name for index, one in enumerate(stages) if type(one) in map(type, stages[:index])]
    if twice or not stages:
        raise ShareError(f"made_by: {f'{twice[0]} stands there twice' if twice else 'no stage'}. Name each stage once.")
    return stages
