"""Record what the stages make now: `python -m tests.stages.record_outputs`.

A version that is recorded already keeps its numbers: a stage that makes other ones needs a higher `version`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from emollama_hf.stages.stage import Stage
from tests.encoders.golden import convert_golden
from tests.stages.recorded_outputs import FOLDER, RECIPES, Arrays, differences, outputs, read_record, record_of


class ChangedError(Exception):
    """A stage makes other numbers than its version is recorded with."""


def record(stage: type[Stage], computed: Arrays, folder: Path = FOLDER) -> str:
    """Write the record of the stage's version, if there is none yet or only cases are to be added.

    Returns what was done. Raises ChangedError, and leaves the record, if a recorded number is not reproduced.
    """
    path = record_of(stage, folder)
    recorded = read_record(path) if path.is_file() else {}
    if changed := differences(recorded, computed):
        raise ChangedError(changed_message(stage, changed))
    added = {name: array for name, array in computed.items() if name not in recorded}
    if not added:
        return f"{path.name}: reproduced, left as it is"
    folder.mkdir(exist_ok=True)
    np.savez_compressed(path, **recorded, **added)  # type: ignore[arg-type]
    return f"{path.name}: {len(added)} arrays recorded"


def changed_message(stage: type[Stage], changed: list[str]) -> str:
    return (
        f"{stage.name} makes other results than version {stage.version} is recorded with: {'; '.join(changed)}. "
        f"If that is meant, raise {stage.__name__}.version, so that no cache keeps the old results, and run "
        "python -m tests.stages.record_outputs."
    )


def main() -> None:
    """Record every stage; ends with 1 if one of them needs another version."""
    refused = []
    with tempfile.TemporaryDirectory() as name:
        model = convert_golden(Path(name) / "model")
        for stage in RECIPES:
            try:
                print(record(stage, outputs(stage, model)))
            except ChangedError as error:
                refused.append(str(error))
    sys.exit("\n".join(refused) or 0)


if __name__ == "__main__":
    main()
