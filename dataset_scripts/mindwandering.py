"""Clips of readers whose minds wander or do not: a folder of videos and a CSV of labels with folds.

    python dataset_scripts/mindwandering.py --clips DIR --labels CSV [--out DIR]

The CSV has a row a clip: participant_id, instance_gmt, uuid (the clip's name without its ending), mw_label (MW or
NonMW), test_fold_num. No participant may be in two folds.
"""

from __future__ import annotations

if __name__ == "__main__":  # as a program, it finds its folder's modules by the name that they have everywhere
    import sys
    from pathlib import Path

    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from datasets import DatasetInfo, Features, Value, Video

from dataset_scripts.clip_folder import match_clips
from dataset_scripts.content_builder import ContentBuilder, ContentConfig, Contents
from emollama_hf.errors import SourceError
from emollama_hf.extraction.divided_participants import WHY_ONE_FOLD, divided_participants
from emollama_hf.extraction.labels import reserved_columns
from emollama_hf.files.column_types import FOLD, MIND_WANDERING, typed_column
from emollama_hf.files.tables import Table, read_table

COLUMNS = tuple(MIND_WANDERING)
LABELS = MIND_WANDERING["mw_label"].names


@dataclass
class MindWanderingConfig(ContentConfig):
    """clips: folder of videos, searched with its subfolders. labels: CSV, or another table that `read_table` takes.

    See `ContentConfig` for the rest.
    """

    clips: str | os.PathLike[str] | None = None
    labels: str | os.PathLike[str] | None = None

    def read(self) -> Contents:
        folder = self.given_path("clips")
        table = read_table(self.given_path("labels"), filled=COLUMNS)
        extra = {name: typed_column(table, name) for name in table.extra(COLUMNS, {"file_name", *reserved_columns()})}
        table.choices("mw_label", LABELS)
        folds = read_folds(table)
        matched = match_clips(folder, table, "uuid", follow_links=self.follow_links)
        rows: list[dict[str, Any]] = [
            {
                "file_name": file_name,
                **{name: cells[name] for name in COLUMNS},
                "test_fold_num": folds[line],
                **{name: column.values[number] for name, column in extra.items()},
            }
            for number, (line, cells), file_name in matched.rows
        ]
        clips = {row["file_name"]: self.identity_of(folder / row["file_name"]) for row in rows}
        kinds = {name: column.feature for name, column in extra.items()}
        return Contents(rows, {"labels": table.digest, "clips": clips}, matched.gaps(), kinds)


def read_folds(table: Table) -> dict[int, int]:
    """The fold of each line. Raises SourceError if one is no whole number, or a participant is in two."""
    folds: dict[int, int] = {}
    for line, cells in table.rows:
        text = cells["test_fold_num"].strip()
        if not FOLD.fullmatch(text):
            raise table.error(line, f"test_fold_num is {text!r}; expected a whole number such as 1. Mend the cell.")
        folds[line] = int(float(text))
    divided = divided_participants((cells["participant_id"], folds[line], line) for line, cells in table.rows)
    torn = [
        f"{participant!r} in " + " and ".join(f"{fold} (line {line})" for fold, line in sorted(where.items()))
        for participant, where in divided.items()
    ]
    if torn:
        raise SourceError(
            f"{table.path}: {len(torn)} participants are in more than one fold: {'; '.join(torn[:5])}. {WHY_ONE_FOLD}"
        )
    return folds


class MindWandering(ContentBuilder):
    """A clip and its label a row; one split, "train", since folds are a column.

    Columns: `video` (`Video(decode=False)`), `file_name` (relative to the folder), `participant_id`, `instance_gmt`,
    `uuid` (text), `mw_label` (`ClassLabel`: NonMW 0, MW 1), `test_fold_num` (int64), and any other column of the CSV:
    text, or numbers if each is written back as it was read, null where its cell is empty. Rows in the order of the CSV.

    clips, labels, strict, identify_by, follow_links: see `MindWanderingConfig`.
    Raises SourceError. Rows without a clip and clips without a row are left out and named in a warning; with
    strict=True they are an error.

        >>> builder = MindWandering(clips="clips", labels="labels.csv")
        >>> builder.download_and_prepare()
        >>> builder.as_dataset("train").filter(lambda fold: fold != 1, input_columns="test_fold_num")
    """

    BUILDER_CONFIG_CLASS = MindWanderingConfig
    KEY = "file_name"

    def _info(self) -> DatasetInfo:
        made = {"video": Video(decode=False), "file_name": Value("string"), **MIND_WANDERING}
        return DatasetInfo(features=Features({**made, **self.config.contents.extra}))

    def located(self, key: str) -> dict[str, str | None]:
        return {"video": str(self.config.given_path("clips").absolute() / key)}

    def example(self, row: dict[str, Any]) -> dict[str, Any]:
        return row

    def summary(self) -> list[list[str]]:
        """Clips and participants by fold and label."""
        rows = self.config.contents.rows
        lines = [["fold", "participants", *LABELS, "share of MW"]]
        folds = sorted({row["test_fold_num"] for row in rows})
        parts = {str(fold): [row for row in rows if row["test_fold_num"] == fold] for fold in folds}
        for name, chosen in {**parts, "all": rows}.items():
            count = Counter(row["mw_label"] for row in chosen)
            people = len({row["participant_id"] for row in chosen})
            counts = (str(count[label]) for label in LABELS)
            lines.append([name, str(people), *counts, f"{count['MW'] / len(chosen):.1%}"])
        return lines


if __name__ == "__main__":
    from dataset_scripts.mindwandering import MindWandering as Builder  # rows are cached under the module's name
    from dataset_scripts.program import run_program

    run_program(
        Builder, __doc__, {"clips": "Folder of videos.", "labels": "CSV of labels."}, required=("clips", "labels")
    )
