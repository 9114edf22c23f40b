"""Clips with an emotion and, where there is one, a valence, as MER2023 has them: videos, labels, transcripts.

    python dataset_scripts/mer2023.py --clips DIR --labels CSV [--transcripts CSV] [--out DIR]

The CSV of labels has a row a clip: name (the clip's name without its ending), discrete (neutral, angry, happy, sad,
worried or surprise) and, in some of MER2023's parts, valence (a number). The CSV of transcripts has name and one or
more of chinese, english, sentence, text.
"""

from __future__ import annotations

if __name__ == "__main__":  # as a program, it finds its folder's modules by the name that they have everywhere
    import sys
    from pathlib import Path

    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import DatasetInfo, Features, Value, Version, Video

from dataset_scripts.clip_folder import match_clips
from dataset_scripts.content_builder import ContentBuilder, ContentConfig, Contents
from emollama_hf.errors import SourceError
from emollama_hf.extraction.clip_names import by_value
from emollama_hf.extraction.labels import reserved_columns
from emollama_hf.extraction.matched_rows import KEEP_ONE, match_rows
from emollama_hf.files.column_types import MER2023 as MER2023_TYPES
from emollama_hf.files.column_types import typed_column
from emollama_hf.files.tables import Table, read_table

COLUMNS = tuple(MER2023_TYPES)
EMOTIONS = MER2023_TYPES["discrete"].names
TRANSCRIPTS = ("chinese", "english", "sentence", "text")


@dataclass
class MER2023Config(ContentConfig):
    """clips: folder of videos, searched with its subfolders. labels, transcripts: CSVs; see `ContentConfig`."""

    clips: str | os.PathLike[str] | None = None
    labels: str | os.PathLike[str] | None = None
    transcripts: str | os.PathLike[str] | None = None

    def read(self) -> Contents:
        folder = self.given_path("clips")
        table = read_table(self.given_path("labels"), filled=("name", "discrete"))
        spoken = None if self.transcripts is None else read_transcripts(self)
        languages = [] if spoken is None else [name for name in spoken.columns if name in TRANSCRIPTS]
        beyond = table.extra(COLUMNS, {"file_name", *languages, *reserved_columns()})
        extra = {name: typed_column(table, name) for name in beyond}
        table.choices("discrete", EMOTIONS)
        valence = read_valence(table)
        matched = match_clips(folder, table, "name", follow_links=self.follow_links)
        names = [cells["name"] for _, (_, cells), _ in matched.rows]
        said_of = [{} for _ in names] if spoken is None else words_of(names, spoken)
        rows: list[dict[str, Any]] = []
        for (number, (line, cells), file_name), said in zip(matched.rows, said_of, strict=True):
            rows.append(
                {
                    "file_name": file_name,
                    "name": cells["name"],
                    "discrete": cells["discrete"],
                    "valence": valence[line],
                    **{name: said.get(name) or None for name in languages},
                    **{name: column.values[number] for name, column in extra.items()},
                }
            )
        gaps = matched.gaps()
        if spoken is not None:
            silent = [name for name, said in zip(names, said_of, strict=True) if not said]
            gaps["clips without a transcript, null"] = silent
        clips = {row["file_name"]: self.identity_of(folder / row["file_name"]) for row in rows}
        digests = {"labels": table.digest, "transcripts": None if spoken is None else spoken.digest}
        kinds = {name: column.feature for name, column in extra.items()}
        return Contents(rows, {**digests, "clips": clips}, gaps, kinds)


def read_transcripts(config: MER2023Config) -> Table:
    """The CSV of transcripts. Raises SourceError if it has no column of text."""
    table = read_table(config.given_path("transcripts"), filled=("name",))
    if not set(TRANSCRIPTS).intersection(table.columns):
        raise SourceError(
            f"{table.path}, line 1: has {', '.join(table.columns)}; expected one or more of "
            f"{', '.join(TRANSCRIPTS)}. Rename the column of text."
        )
    return table


def words_of(names: Sequence[str], spoken: Table) -> list[dict[str, str]]:
    """The cells of each clip's transcript, {} for a clip without one; transcripts of other clips are passed over.

    Args:
        names: of the clips.
        spoken: the transcripts, by `name`.

    Raises:
        SourceError: two transcripts of one name.
    """
    matched = match_rows(spoken, "name", by_value(names), names, remedy=KEEP_ONE)
    rows = [matched.row_of.get(clip) for clip in range(len(names))]
    return [{} if row is None else spoken.rows[row].cells for row in rows]


def read_valence(table: Table) -> dict[int, float | None]:
    """The valence of each line, None where there is none. Raises SourceError if one is no finite number."""
    valence: dict[int, float | None] = {}
    for line, cells in table.rows:
        text = cells.get("valence", "").strip()
        try:
            valence[line] = float(text) if text else None
        except ValueError:
            valence[line] = math.nan
        if not math.isfinite(valence[line] or 0.0):
            raise table.error(line, f"valence is {text!r}; expected a number such as -1.5, or nothing. Mend the cell.")
    return valence


class MER2023(ContentBuilder):
    """A clip, its emotion, valence and transcript a row; one split, "train".

    Columns: `video` (`Video(decode=False)`), `file_name` (relative to the folder), `name` (text), `discrete`
    (`ClassLabel` of neutral, angry, happy, sad, worried, surprise, in this order), `valence` (float32, null where there
    is none), those of `chinese`, `english`, `sentence`, `text` that the transcripts have (text, null where there is
    none), and any other column of the labels as text. Rows in the order of the labels.

    clips, labels, transcripts, strict, identify_by, follow_links: see `MER2023Config`.
    Raises SourceError. Rows without a clip and clips without a row are left out and named in a warning; clips without
    a transcript stay and are named in another. With strict=True each of them is an error.

        >>> builder = MER2023(clips="video", labels="train-label.csv")
        >>> builder.download_and_prepare()
        >>> builder.as_dataset("train").features["discrete"].names[:2]
        ['neutral', 'angry']
    """

    #: 1.2.0: blanks around a name in the transcripts do not count.
    VERSION = Version("1.2.0")
    BUILDER_CONFIG_CLASS = MER2023Config
    KEY = "file_name"

    def _info(self) -> DatasetInfo:
        columns = ("video", *self.config.contents.rows[0])
        kinds = {"video": Video(decode=False), **MER2023_TYPES, **self.config.contents.extra}
        return DatasetInfo(features=Features({name: kinds.get(name, Value("string")) for name in columns}))

    def located(self, key: str) -> dict[str, str | None]:
        return {"video": str(self.config.given_path("clips").absolute() / key)}

    def example(self, row: dict[str, Any]) -> dict[str, Any]:
        return row

    def summary(self) -> list[list[str]]:
        """Clips by emotion, and those of them with a valence."""
        rows = self.config.contents.rows
        count = Counter(row["discrete"] for row in rows)
        rated = Counter(row["discrete"] for row in rows if row["valence"] is not None)
        lines = [[emotion, str(count[emotion]), str(rated[emotion])] for emotion in EMOTIONS]
        return [["emotion", "clips", "with a valence"], *lines]


if __name__ == "__main__":
    from dataset_scripts.mer2023 import MER2023 as Builder  # rows are cached under the module's name
    from dataset_scripts.program import run_program

    run_program(
        Builder,
        __doc__,
        {"clips": "Folder of videos.", "labels": "CSV of labels.", "transcripts": "CSV of transcripts."},
        required=("clips", "labels"),
    )
