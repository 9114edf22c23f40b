"""The control: which facts it has by itself, and how the columns that somebody names are read."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Value

from emollama_hf import schema
from emollama_hf.measures.group_bootstrap import Difference
from emollama_hf.probing.conclusion import control_sentence
from emollama_hf.probing.control import control_columns
from emollama_hf.probing.control_values import read_control
from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.probe import probe
from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.saving import result_json
from emollama_hf.probing.scoring import Comparison
from emollama_hf.probing.table_text import details
from tests.probing.planted import planted


def options(*control: str) -> ProbeOptions:
    return ProbeOptions(label="label", group="group", control=control)


def test_the_peak_frame_is_no_fact_that_is_free_of_the_face_unless_it_is_named() -> None:
    ds = Dataset.from_dict({"label": [0], "group": ["p"], **{name: [1.0] for name in schema.CLIP_FACTS}})
    free = ("clip_frame_count", "clip_fps", "clip_duration_s", "face_coverage")
    assert control_columns(ds, options()) == free
    assert control_columns(ds, options("peak_index")) == (*free, "peak_index")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["9.87", "-3", "1e-3"], r"read as 3 categories.*ds.cast_column\('lamp', Value\('float64'\)\)"),
        (["9,87", None, "12,1"], "such as '9,87': read as 2 categories.*points in place of decimal commas"),
        (["1 200", "", "nan"], "such as '1 200'.*no digit or decimal point, such as in '1 200'.*null for unknown"),
    ],
)
def test_texts_that_read_as_numbers_are_refused(texts: list[str | None], said: str) -> None:
    with pytest.raises(ProbeError, match=r"control='lamp' holds texts that read as numbers") as raised:
        read_control(Dataset.from_dict({"lamp": texts}), ["lamp"], np.arange(3))
    with pytest.raises(ProbeError, match=said):
        raise raised.value
    assert "class_encode_column('lamp')" in str(raised.value)


def test_number_texts_become_numbers_or_classes_as_the_message_says() -> None:
    lamp = Dataset.from_dict({"lamp": ["9.87", "-3", "1e-3"]}).cast_column("lamp", Value("float64"))
    assert read_control(lamp, ["lamp"], np.arange(3))[0].matrix.tolist() == [[9.87], [-3.0], [0.001]]
    ds = Dataset.from_dict({"room": ["1", "2", "1"]}).class_encode_column("room")
    assert isinstance(ds.features["room"], ClassLabel)
    assert read_control(ds, ["room"], np.arange(3))[0].read_as == "2 categories"


@pytest.mark.parametrize("texts", [["9.87", "dark"], ["01.02.2024", "1.2.3"], ["room 1", "room 2"], ["", "nan"]])
def test_other_texts_are_categories(texts: list[str]) -> None:
    assert read_control(Dataset.from_dict({"room": texts}), ["room"], np.arange(2))[0].read_as == "2 categories"


@pytest.mark.parametrize(("column", "said"), [("signal", "is a vector of"), ("frames_seen", "is a sequence of")])
def test_a_vector_is_no_control(column: str, said: str) -> None:
    with pytest.raises(ProbeError, match=said):
        probe(planted(groups=4), label="mw_label", group="participant_id", control=column)


def test_the_details_say_how_the_control_was_read() -> None:
    ds = planted(groups=6, rows_of_group=6)
    ds = ds.add_column("room", [["a", "b", None][row % 3] for row in range(36)]).add_column("lamp", list(range(36)))
    result = probe(
        ds, label="mw_label", group="participant_id", columns="noise", control=["room", "lamp"], folds=2,
        permutations=0, resamples=100,
    )  # fmt: skip
    assert details(result)[0] == "control: clip_duration_s, lamp (numbers); room (2 categories and null)."


def test_a_control_above_chance_by_a_named_column_is_no_surprise() -> None:
    """ "Look for why" was said of the very column that somebody had named."""
    ds = planted(groups=20)
    random = np.random.default_rng(3)
    plain = ds.remove_columns("clip_duration_s").add_column("clip_duration_s", random.normal(size=len(ds)))
    plain = plain.add_column("lamp", list(ds["clip_duration_s"])).add_column("room", random.integers(0, 3, len(ds)))
    told = {"label": "mw_label", "group": "participant_id", "columns": "noise", "permutations": 0, "resamples": 400}
    found = probe(plain, **told, control=["lamp", "room"])
    assert "The control is above chance. Of its columns alone, lamp is." in found.conclusion
    assert "look for why" not in found.conclusion
    assert [one["first"] for one in result_json(found)["control_alone"]] == ["clip_duration_s", "lamp", "room"]
    other = probe(ds.add_column("room", random.integers(0, 3, len(ds))), **told, control="room")
    assert "clip_duration_s is, which was not named for it (--control): look for why." in other.conclusion


def test_columns_that_are_above_chance_together_alone_are_named() -> None:
    assert control_sentence(["lamp", "room"], ()) == (
        "The control with lamp, room is above chance, though no column of it alone is."
    )
    alone = [Comparison(name, "chance", "auc_roc", "control alone", Difference(0.2, 0.1, 0.3, 0.001), 0.002)
             for name in ("clip_fps", "lamp")]  # fmt: skip
    assert control_sentence(["lamp"], alone).endswith(
        "clip_fps, lamp are; clip_fps was not named for it (--control), look for why."
    )
