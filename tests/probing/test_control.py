"""The control: which facts it has by itself, and how the columns that somebody names are read."""

from __future__ import annotations

from datasets import Dataset

from emollama_hf import schema
from emollama_hf.probing.control import control_columns
from emollama_hf.probing.options import ProbeOptions


def options(*control: str) -> ProbeOptions:
    return ProbeOptions(label="label", group="group", control=control)


def test_the_peak_frame_is_no_fact_that_is_free_of_the_face_unless_it_is_named() -> None:
    ds = Dataset.from_dict({"label": [0], "group": ["p"], **{name: [1.0] for name in schema.CLIP_FACTS}})
    free = ("clip_frame_count", "clip_fps", "clip_duration_s", "face_coverage")
    assert control_columns(ds, options()) == free
    assert control_columns(ds, options("peak_index")) == (*free, "peak_index")
