"""What earlier versions wrote is found again: nothing is computed, nothing is rewritten, no fingerprint changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from emollama_hf import extract
from tests.recorded.settings import stages
from tests.recorded.source import FOLDER, OUT, SETTINGS, rows

PRINTS = json.loads((FOLDER / "fingerprints.json").read_text())


def test_the_record_names_every_setting() -> None:
    assert list(stages()) == list(PRINTS)
    assert len(set(PRINTS.values())) == len(PRINTS)


@pytest.mark.parametrize("name", PRINTS)
def test_a_fingerprint_is_what_it_was(name: str) -> None:
    assert stages()[name].fingerprint == PRINTS[name]


def test_a_feature_set_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "features"
    shutil.copytree(OUT, out)
    before = contents(out)
    ran: list[str] = []
    for stage in {type(stage) for stage in stages().values() if hasattr(stage, "prepare")}:
        prepare = stage.prepare
        monkeypatch.setattr(stage, "prepare", lambda self, row, of=prepare: ran.append(row.label) or of(self, row))
    done = extract(rows(), out=out, **SETTINGS)
    assert done["emollama_status"] == ["ok", "ok", "not_a_video"]
    assert ran == []
    assert contents(out) == before


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that holds values, the card and the provenance; locks and memos of the work store may change."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".parquet", ".md", ".json", ".arrow", ".png")
    }
