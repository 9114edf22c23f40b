"""The rows of a training: labels, groups and folds, and beside them the frozen work, read row by row from its files."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
from datasets import Dataset

from emollama_hf import schema
from emollama_hf.checkpoints import open_model
from emollama_hf.console.logs import package_logger
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.emotion_llama.config_json import feature_size, image_width, patches
from emollama_hf.files.digest import combined
from emollama_hf.probing.probe_error import ProbeError, check_column
from emollama_hf.probing.rows import ProbeRows, read_rows
from emollama_hf.rows import Rows
from emollama_hf.stages.decoder_stage import LAYOUTS
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.training.frozen_work import COLUMNS, check_computable, with_frozen_work
from emollama_hf.training.labelled_clips import open_clips
from emollama_hf.training.split import check_folds
from emollama_hf.training.training_error import TrainingError

logger = package_logger(__name__)

PART = "emotion_llama"
#: Rows of feature vectors that are read together.
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class TrainedColumns:
    """Which columns hold labels, groups and folds, and which class is the positive one.

    Attributes:
        label: of the labels.
        group: of the participants; None: each row is a group of its own.
        fold: of the folds; None: there are none.
        positive: name of the class that scores are of; None: the class with the fewest rows.
    """

    label: str
    group: str | None = None
    fold: str | None = None
    positive: str | None = None

    def __post_init__(self) -> None:
        named = {"label": self.label, "group": self.group, "fold_column": self.fold}
        given = [(option, name) for option, name in named.items() if name is not None]
        for index, (option, name) in enumerate(given):
            twice = [other for other, earlier in given[:index] if earlier == name]
            if twice:
                raise TrainingError(
                    f"{twice[0]} and {option} are both {name!r}. Name the column of the labels (label=), of the "
                    "participants (group=) and of the folds (fold_column=), or leave the last two out."
                )


@dataclass(frozen=True)
class TrainingData:
    """The rows that are trained and tested on, in the data set's order.

    Attributes:
        ds: their columns, image_tokens, facemae, videomae[, hubert] among them; tokens stay in their files.
        rows: their labels, groups, folds and names, and how many rows were left out, by reason; `indices` are positions
            in the data set that was given.
        columns: which columns these are from.
        features: (n, 2, D) float32 vectors of FaceMAE and VideoMAE in the layout fork; (n, 3, D) with HuBERT's, or
            zeros for it, upstream.
        token_shape: (1 + patches, width) of the image tokens of a row.
    """

    ds: Dataset
    rows: ProbeRows
    columns: TrainedColumns
    features: np.ndarray
    token_shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.rows)

    def tokens(self, row: int) -> np.ndarray:
        """The image tokens of a row, read from disk.

        Args:
            row: its position among these rows.

        Returns:
            (1 + patches, width), in the type that they are stored in; a copy.

        Raises:
            TrainingError: they have another shape, or are not finite.
        """
        value = self._stored(row)
        if row not in self._checked and not self._is_usable(value):
            raise TrainingError(
                f"row {self.rows.names[row]!r}: image_tokens hold {value.dtype} of shape {value.shape} or values that "
                f"are not finite, expected {self.token_shape} finite numbers. Remove the column to compute it here."
            )
        self._checked.add(row)
        return value.copy()

    @cached_property
    def digest(self) -> str:
        """Identity of what is trained on: the same clips with the same labels, groups and folds have the same.

        Of image tokens the class token counts, so that no more than a page of each row is read.
        """
        rows = self.rows
        names = [rows.labels.classes, rows.group_names, rows.fold_names, [str(rows.labels.positive)]]
        folds = np.empty(0, np.int64) if rows.folds is None else rows.folds
        first = (self._stored(row)[0] for row in range(len(self)))
        arrays = itertools.chain([rows.labels.numbers, rows.groups, folds, self.features], first)
        texts = [json.dumps(list(some)) for some in names]
        return combined(*texts, *(f"{one.dtype} {one.shape} {sha256(one.tobytes()).hexdigest()}" for one in arrays))

    @cached_property
    def _checked(self) -> set[int]:
        """Rows whose tokens were read before: to check them takes longer than to read them."""
        return set()

    def _is_usable(self, tokens: np.ndarray) -> bool:
        return tokens.shape == self.token_shape and tokens.dtype.kind == "f" and bool(np.isfinite(tokens).all())

    def _stored(self, row: int) -> np.ndarray:
        return np.asarray(Rows.from_batch(self._tokens[row : row + 1]).value(schema.IMAGE_TOKENS, 0))

    @cached_property
    def _tokens(self) -> Dataset:
        return self.ds.select_columns([schema.IMAGE_TOKENS]).with_format("arrow")


def labelled_rows(
    ds: Dataset | str | os.PathLike[str],
    columns: TrainedColumns,
    *,
    split: str | None = None,
    labels: str | os.PathLike[str] | None = None,
) -> tuple[Dataset, ProbeRows]:
    """A data set with clips or features to train on, and its labels, groups and folds; nothing is computed.

    Args:
        ds, split, labels: as `open_clips` takes them.
        columns: of labels, groups and folds.

    Returns:
        The data set, and its rows that have a label, a group and a fold.

    Raises:
        TrainingError: an unknown column, one class, a group in two folds, one fold, blanks in labels, no row that is
            left, columns that are missing.
        ValueError, FileNotFoundError: as `open_clips`.
    """
    opened = open_clips(ds, split=split, labels=labels)
    _check_named(opened, columns)
    check_computable(opened.column_names)
    return opened, _read(opened, (), columns)


def training_data(
    ds: Dataset | str | os.PathLike[str],
    model: str | os.PathLike[str],
    *,
    label: str,
    group: str | None = None,
    fold_column: str | None = None,
    positive: str | None = None,
    layout: str = "fork",
    store_dtype: str = "float16",
    device: str = "auto",
    dtype: str = "auto",
    work: str | os.PathLike[str] | None = None,
    split: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    revision: str | None = None,
) -> TrainingData:
    """The rows of a training with their frozen work, which is computed as far as it is not known.

    What can be said of labels, groups and folds is said before anything is computed.

    Args:
        ds, split, labels: as `open_clips` takes them.
        model: model directory, Hub id or "random-tiny".
        label, group, fold_column, positive: see `TrainedColumns`.
        layout, store_dtype, device, dtype, work, revision: as `with_frozen_work` takes them.

    Returns:
        The rows with a label, a group, a fold, image tokens and feature vectors. The others are counted in
        `rows.left_out`, and in a warning.

    Raises:
        TrainingError: an unknown column, one class, a group in two folds, one fold, blanks in labels, no row that is
            left, columns that are missing or do not fit the model.
        ValueError, ModelError, StoreError: as `extract`.

    Example:
        >>> data = training_data("clips", "random-tiny", label="mw_label", group="participant_id")
        >>> data.tokens(0).shape, data.features.shape
        ((65, 40), (12, 2, 32))
    """
    columns = TrainedColumns(label, group, fold_column, positive)
    if layout not in LAYOUTS:
        raise TrainingError(f"layout={layout!r} is unknown. Valid: {', '.join(LAYOUTS)}.")
    opened, _ = labelled_rows(ds, columns, split=split, labels=labels)  # hours of work are not for labels that fail
    wanted = [*COLUMNS, *schema.ROW_NAMES, schema.STATUS, schema.ERROR, label, group, fold_column]
    opened = opened.select_columns([name for name in opened.column_names if name in wanted])
    config = open_model(model, revision=revision).config(PART)
    _check_widths(opened, config, layout)
    done = with_frozen_work(
        opened, model, layout=layout, store_dtype=store_dtype, device=device, dtype=dtype, work=work,
        revision=revision,
    )  # fmt: skip
    read = [name for name in (schema.IMAGE_TOKENS, *LAYOUTS[layout]) if name in done.column_names]
    rows = _read(done, read, columns)
    if rows.left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in rows.left_out.items())
        logger.warning("%d of %d rows are left out: %s.", sum(rows.left_out.values()), len(done), reasons)
    if len(rows) < len(done):
        done = done.select(rows.indices)
    features = np.stack([_vectors(done, name, feature_size(config), rows.names) for name in LAYOUTS[layout]], axis=1)
    data = TrainingData(done, rows, columns, features, (1 + patches(config), image_width(config)))
    data.tokens(0)  # lists of any length may be those of another model
    return data


def _read(ds: Dataset, features: Sequence[str], columns: TrainedColumns) -> ProbeRows:
    try:
        rows = read_rows(ds, features, columns, use="trained on")
    except ProbeError as error:
        raise TrainingError(str(error)) from None
    check_folds(rows, columns.fold, columns.group)
    return rows


def _check_named(ds: Dataset, columns: TrainedColumns) -> None:
    for option, name in (("label", columns.label), ("group", columns.group), ("fold_column", columns.fold)):
        try:
            if name is not None:
                check_column(name, ds.column_names, option=option)
        except ProbeError as error:
            unlabelled = set(ds.column_names) <= {schema.FILE_NAME, schema.VIDEO}
            hint = " The clips came without a table of labels: name it (labels=, --labels)." if unlabelled else ""
            raise TrainingError(f"{error}{hint}") from None


def _check_widths(ds: Dataset, config: Config, layout: str) -> None:
    """Raise TrainingError for a given column whose type cannot be that of this model."""
    wanted: dict[str, tuple[int, ...]] = dict.fromkeys(LAYOUTS[layout], (feature_size(config),))
    wanted[schema.IMAGE_TOKENS] = (1 + patches(config), image_width(config))
    for name, expected in wanted.items():
        shape = schema.shape_of(ds.features[name]) if name in ds.column_names else expected
        if shape is None or not schema.fits(expected, shape):
            raise TrainingError(
                f"column {name!r} holds {schema.describe_column(ds.features[name])}, and the model reads {expected}: "
                "it was computed with another one. Remove the column to compute it here, or name its own model."
            )


def _vectors(ds: Dataset, name: str, width: int, names: Sequence[str]) -> np.ndarray:
    """A column of feature vectors as (n, width) float32; zeros where a data set lacks it, as for sound."""
    found = np.zeros((len(ds), width), np.float32)
    if name not in ds.column_names:
        return found
    bad, row = [], 0
    for table in ds.select_columns([name]).with_format("arrow").iter(batch_size=_ROWS_AT_ONCE):
        for value in Rows.from_batch(table).values(name):
            vector = np.asarray(value, np.float32)
            if vector.shape == (width,) and np.isfinite(vector).all():
                found[row] = vector
            else:
                bad.append(names[row])
            row += 1
    if bad:
        raise TrainingError(
            f"column {name!r} does not hold {width} finite numbers in {len(bad)} of {len(ds)} rows: "
            f"{few_and_more(bad, show=repr)}. Remove these rows, or the column to compute it here."
        )
    return found
