"""A published set names no column that was left out, unless this package knows columns of that name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, List, Value
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf import push
from emollama_hf.privacy.allowed_columns import left_out
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.left_out_lines import public_lines
from tests.sharing.labs import everything, manifest

NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).map(lambda text: f"qz{text}"))


@given(NAMES, NAMES, st.sampled_from(["many values a row", "as those who shared the rows wished: `x`"]))
def test_other_columns_are_counted_and_not_named(first: list[str], then: list[str], reason: str) -> None:
    lines = public_lines([left_out(name, reason) for name in first], ())
    assert "qz" not in "".join(lines)
    lines = public_lines([*lines, "`video`: recordings", *(left_out(name, reason) for name in then)], ())
    assert "qz" not in "".join(lines)
    assert lines[0] == "`video`: recordings"
    assert public_lines(lines, ()) == lines


def test_known_and_published_columns_are_named() -> None:
    lines = ["`frames`: pictures", "the names in `anna`: only hashes", "`facemae_frames`: x", "`ben`: y", "`cem`: y"]
    assert public_lines(lines, ["anna"]) == (*lines[:3], "2 other columns of the source")
    assert public_lines(["`ben`: y", "free text of a stranger"], ()) == ("2 other columns of the source",)
    assert public_lines(["`ben`: y"], ()) == ("1 other column of the source",)


def wide() -> Dataset:
    columns: dict[str, list[Any]] = {
        "uuid": ["u1", "u2", "u3"],
        "group": ["a", "a", "b"],
        "facemae": [[1.0, float(row)] for row in range(3)],
        "anna_smith_valence": [1, 2, 3],
    }
    return Dataset.from_dict(columns).add_column("anna_smith_curve", [[1.0] * 5] * 3, feature=List(Value("float32")))


@pytest.mark.parametrize("options", [{"drop": ["anna_smith_valence"]}, {"review": lambda columns: [columns[-1].name]}])
def test_a_column_that_was_left_out_is_told_here_and_published_nowhere(options: dict[str, Any], tmp_path: Path) -> None:
    place = tmp_path / "shared"
    done = push(wide(), place, **options)
    assert any("`anna_smith_curve`: many values a row" in line for line in done.withheld)
    assert any("`anna_smith_valence`: held back" in line for line in done.withheld)
    assert "anna_smith" not in everything(place)
    assert "- 2 other columns of the source" in (place / "README.md").read_text()
    assert manifest(place)["withheld"] == ["2 other columns of the source"]
    assert not push(wide(), place, **options).files, "the same once more"


@pytest.mark.parametrize("by", ["push", "forget"])
def test_names_that_an_earlier_version_published_go(by: str, tmp_path: Path) -> None:
    place = tmp_path / "shared"
    push(wide(), place, drop=["anna_smith_valence"])
    found = json.loads((place / "provenance.json").read_text())
    found["configs"]["default"]["withheld"] = ["`anna_smith_curve`: many values a row"]
    del found["digest"]
    (place / "provenance.json").write_text(json.dumps(found))
    if by == "push":
        push(wide(), place, drop=["anna_smith_valence"])
    else:
        forget(place, {"uuid": "u2"})
    assert "anna_smith" not in everything(place)
