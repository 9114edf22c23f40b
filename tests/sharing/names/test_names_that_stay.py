"""After `forget`, what is still named after somebody is said, with what to do: nobody has to search for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf import push
from emollama_hf.feature_set.manifest import FeatureConfig, Manifest
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.names.names_that_stay import names_that_stay
from tests.commands.command_line import run
from tests.sharing.labs import lab, rows

PERSON = "Quinn Zeta"
SPELLINGS = st.sampled_from(["quinn_zeta", "QuinnZeta", "QUINN-ZETA", "quinn zeta", "quinnzeta"])
AROUND = st.sampled_from(["", "valence", "2"])


def set_with(at: str, text: str) -> tuple[Manifest, str]:
    """A set that says a text at one place, and its title."""
    features = Features({"uuid": Value("string")})
    config = FeatureConfig({}, features, {})
    if at == "title":
        return Manifest({"default": config}), text
    if at == "configuration":
        return Manifest({text: config}), "set"
    if at in ("license", "citation"):
        return Manifest({"default": config}, **{at: text}), "set"
    made = {"stages": [{"config": {"peak": f"column:{text}"}}]} if at == "made" else {}
    withheld = (f"`{text}`: long",) if at == "withheld" else ()
    types: dict[str, Any] = {
        "column": {text: Value("int64")},
        "field": {"x": {text: Value("int64")}},
        "nested class": {"x": List({"y": ClassLabel(names=["z", text])})},
        "class": {"x": ClassLabel(names=["z", text])},
    }
    described = FeatureConfig(made, Features({**features, **types.get(at, {})}), {}, withheld=withheld)
    return Manifest({"default": described}), "set"


PLACES = (
    "title",
    "configuration",
    "license",
    "citation",
    "made",
    "withheld",
    "column",
    "field",
    "nested class",
    "class",
)


@given(st.sampled_from(PLACES), SPELLINGS, AROUND, AROUND)
def test_a_name_is_found_wherever_it_stands(at: str, name: str, before: str, after: str) -> None:
    text = "_".join(part for part in (before, name, after) if part)
    [line] = names_that_stay(*set_with(at, text), [PERSON])
    assert text in line
    assert names_that_stay(*set_with(at, text), ["Quinn Beta", "uinn", "zet", "2"]) == ()


@pytest.mark.parametrize(("name", "said"), [("P3", True), ("p3", True), ("P31", False), ("2", False)])
def test_a_short_name_is_compared_as_a_whole(name: str, said: bool) -> None:
    assert bool(names_that_stay(*set_with("configuration", "P3"), [name])) is said
    assert not names_that_stay(*set_with("column", "P3_x"), [name])


def people(*names: str) -> Dataset:
    columns: dict[str, list[Any]] = {
        "uuid": [f"{name}_take" for name in names],
        "subject": list(names),
        "facemae": [[1.0, float(row)] for row in range(len(names))],
        "person3_valence": [1] * len(names),
    }
    return Dataset.from_dict(columns)


def test_a_configuration_and_a_column_named_after_who_withdrew_are_said(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    push(people("Person1", "Person3"), place, config_name="Person3")
    ran = run("forget", str(place), "--where", "subject=Person3")
    told = " ".join(ran.stdout.split())
    assert "Configuration 'Person3', whose folder has its name, stays: push its rows to a set with a" in told
    assert "Column 'person3_valence' of configuration 'Person3' stays: push the rows to another set without" in told
    assert "Person1" not in told


def test_stems_of_files_are_looked_for(tmp_path: Path) -> None:
    """A set that `extract` wrote knows the names of files."""
    crops = rows(tmp_path / "clips", 1, 2).remove_columns("file_name")
    crops = crops.add_column("file_name", ["x/annaschmidt_1.mp4", "x/b.mp4"]).add_column("AnnaSchmidt_1_rating", [1, 2])
    out = lab(tmp_path, ds=crops)
    told = " ".join(forget(out, {"uuid": "u1"}).still_held_by)
    assert "Column 'AnnaSchmidt_1_rating'" in told


def test_nothing_is_said_where_nothing_stays(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    push(people("Person1", "Person2", "Person4"), place)
    told = " ".join(forget(place, {"subject": "Person4"}).still_held_by)
    assert "stays" not in told
    assert "Person" not in told
