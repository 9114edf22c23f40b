"""What facts of a clip alone say of its label: duration, face coverage and whatever else a data set may leak by."""

from __future__ import annotations

from datasets import Dataset

from emollama_hf import schema
from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.probe_error import ProbeError, check_column
from emollama_hf.probing.views import fact_columns

#: Facts that are left out unless they are named: a network of expressions chose the peak frame by looking at the face.
NOT_FREE_OF_THE_FACE = frozenset([schema.PEAK_INDEX])


def control_columns(ds: Dataset, options: ProbeOptions) -> tuple[str, ...]:
    """The columns of the control: the facts of a clip that the data set has, and the columns that were named.

    Facts are frame count, frames a second, duration, face coverage and whether the clip has sound; not the number of
    the peak frame, which a network of expressions chose.

    Raises:
        ProbeError: A named column is absent, is the label, the group or the folds, or holds a vector a row.
    """
    used = {options.label, options.group, options.fold}
    facts = fact_columns() - NOT_FREE_OF_THE_FACE
    found = [
        name
        for name, feature in ds.features.items()
        if name in facts and name not in used and schema.shape_of(feature) == ()
    ]
    for name in options.control:
        check_column(name, ds.column_names, option="control")
        if name in used:
            raise ProbeError(f"control={name!r} is the label, the group or the folds. Name facts of a clip.")
        shape = schema.shape_of(ds.features[name])
        if shape:
            what = "a vector" if len(shape) == 1 else "a sequence"
            raise ProbeError(
                f"control={name!r} is {what} of numbers in each row, expected one number or category a row. "
                "Name facts of a clip; features are compared as columns (columns=, --columns)."
            )
    return tuple(dict.fromkeys([*found, *options.control]))
