"""The one matcher: which clip a row has, and a fault in the same words by every route."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_scripts.mindwandering import MindWandering
from emollama_hf.errors import SourceError
from emollama_hf.extraction.clip_names import ClipNames, by_value
from emollama_hf.extraction.matched_rows import KEEP_ONE, MatchedRows, match_rows
from emollama_hf.extraction.sources import open_source
from emollama_hf.files.tables import Row, Table

HEADINGS = "participant_id,instance_gmt,uuid,mw_label,test_fold_num"
STEMS = st.lists(st.sampled_from(["a", "A", "é", "b 1", "c.d"]), unique=True, min_size=1)


def table_of(keys: list[str], key: str = "uuid") -> Table:
    rows = [Row(line, {key: value}) for line, value in enumerate(keys, start=2)]
    return Table(Path("labels.csv"), [key], rows, digest="")


def matched_stems(keys: list[str], names: list[str]) -> MatchedRows:
    return match_rows(table_of(keys), "uuid", ClipNames(names).with_stem, names, remedy=KEEP_ONE)


@given(clips=STEMS, keys=STEMS, form=st.sampled_from(["NFC", "NFD"]), blank=st.sampled_from(["", " "]))
def test_a_row_has_the_clip_of_its_name_in_any_spelling(
    clips: list[str], keys: list[str], form: str, blank: str
) -> None:
    names = [unicodedata.normalize(form, f"{stem}.mp4") for stem in clips]
    matched = matched_stems([f"{blank}{key}" for key in keys], names)
    assert matched.row_of == {clips.index(key): row for row, key in enumerate(keys) if key in clips}
    assert matched.without_clip == [f"{blank}{key}" for key in keys if key not in clips]


@given(values=st.lists(st.sampled_from(["a", "A", "é"]), min_size=1))
def test_rows_of_one_recording_share_a_row_of_the_table(values: list[str]) -> None:
    keys = sorted(set(values))
    matched = match_rows(table_of(keys), "uuid", by_value(values), values, remedy=KEEP_ONE)
    assert matched.row_of == {clip: keys.index(value) for clip, value in enumerate(values)}


def test_a_clip_of_another_table_is_not_matched_again() -> None:
    with pytest.raises(SourceError, match=r"line 2: uuid 'a' is the clip 'a\.mp4', as another table is\. Remove one\."):
        match_rows(table_of(["a"]), "uuid", ClipNames(["a.mp4"]).with_stem, ["a.mp4"], remedy=KEEP_ONE, taken={0})


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        (["a", "a"], "line 3: uuid 'a' is there twice, first in line 2. Remove one of the rows."),
        (["a", " "], "line 3: uuid is empty. Fill the cell, or remove the row."),
        (["é", unicodedata.normalize("NFD", "é")], "is the clip 'é.mp4', as line 2 ('é') is. Remove one."),
        (["a", " a"], "line 3: uuid ' a' is the clip 'a.mp4', as line 2 ('a') is. Remove one."),
        (["b"], "line 2: uuid 'b' is the name of 2 clips: 'b.mov', 'b.mp4'. "),
        (["x"], "no uuid matches a clip; it has 'x', the clips are 'a.mp4', 'b.mov', 'b.mp4', 'é.mp4'. A uuid is"),
    ],
)
def test_a_fault_has_the_same_words_in_a_builder_and_in_labels(tmp_path: Path, keys: list[str], fault: str) -> None:
    clips, labels = tmp_path / "clips", tmp_path / "labels.csv"
    clips.mkdir()
    for name in ("a.mp4", "b.mp4", "b.mov", "é.mp4"):
        (clips / name).write_bytes(b"x")
    labels.write_text("\n".join([HEADINGS, *(f"p,t,{key},MW,1" for key in keys)]) + "\n", encoding="utf-8")
    with pytest.raises(SourceError) as by_builder:
        MindWandering(clips=clips, labels=labels)
    with pytest.raises(SourceError) as by_labels:
        open_source(str(clips), labels=labels)
    assert fault in str(by_builder.value)
    assert fault in str(by_labels.value)
