"""Names of rows in a stranger's manifest: what this package would not write is refused where the manifest is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf import ShareError, push
from emollama_hf.feature_set.manifest import ManifestError, parse_manifest
from emollama_hf.sharing.forget import forget
from tests.sharing.tiny_sets import tiny

DIGEST = "0123456789abcdef"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of two files with two rows each."""
    place = tmp_path_factory.mktemp("written") / "shared"
    push(tiny(["a1", "b1"]), place)
    push(tiny(["c1", "c2"]), place)
    return place


def forged(place: Path, change: Any) -> str:
    """The text of its manifest, whose files `change` changes, without the digest that would tell."""
    found = json.loads((place / "provenance.json").read_text())
    found.pop("digest")
    change(found["configs"]["default"], [*found["configs"]["default"]["files"].values()])
    return json.dumps(found)


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
ROWS = VALUES | st.dictionaries(
    st.sampled_from(["a1", "b1", "c1", "", "\ud800", "../x", "a\0"]) | st.text(max_size=5), st.just(DIGEST) | ODD
)


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, failed=st.just([]) | VALUES)
def test_rows_are_refused_or_what_is_written(written: Path, rows: Any, failed: Any) -> None:
    text = forged(written, lambda config, files: files[0].update(rows=rows, failed=failed))
    try:
        manifest = parse_manifest(text.encode(errors="surrogatepass"), "provenance.json")
    except ManifestError:
        return
    files = list(manifest.configs["default"].files.values())
    names = [name for file in files for name in file.rows]
    assert len(set(names)) == len(names)
    assert all(isinstance(name, str) and name for name in names)
    assert len(files[0].rows) in (0, 2)
    assert set(files[0].failed) <= set(files[0].rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config, files: files[0].update(rows=dict(files[1]["rows"])), "'c1' names two rows, expected a name of"),
        (lambda config, files: files[0].update(rows={"a1": DIGEST}), "1 names, expected one for each of the 2 rows"),
        (lambda config, files: files[0].update(rows={"": DIGEST, "b1": DIGEST}), "a row has an empty name"),
        (lambda config, files: files[0].update(rows=["a1", "b1"]), "expected an object"),
        (lambda config, files: files[0].update(failed=["a1", "a1"]), "expected names of rows of the file, each once"),
        (lambda config, files: files[0].update(failed=["zz"]), "expected names of rows of the file, each once"),
        (lambda config, files: config.update(key=None), "expected none where no key says which column"),
    ],
)
def test_what_is_wrong_is_said(written: Path, change: Any, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        parse_manifest(forged(written, change), "provenance.json")


@pytest.mark.parametrize("names", [["a1", "zz"], ["b1", "a1"]])
@pytest.mark.parametrize("act", [lambda place: forget(place, {"participant_id": "a"}),
                                 lambda place: push(tiny(["a1", "zz"], note="y"), place, replace=True)])  # fmt: skip
def test_names_that_the_rows_do_not_have_are_an_error_and_nothing_is_changed(
    names: list[str], act: Any, tmp_path: Path
) -> None:
    place = tmp_path / "shared"
    push(tiny(["a1", "b1"]), place)
    text = forged(place, lambda config, files: files[0].update(rows=dict.fromkeys(names, DIGEST)))
    (place / "provenance.json").write_text(text)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with pytest.raises(ShareError, match=r"has other rows than provenance\.json names, by uuid"):
        act(place)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    [data] = (place / "data").iterdir()
    assert pq.read_table(data).column("uuid").to_pylist() == ["a1", "b1"]
