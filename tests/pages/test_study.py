"""docs/study.md, typed from its first command to its table, and docs/study.ipynb, with fewer people."""

from __future__ import annotations

import csv
import re
import socket
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.pages.reader import Reader, reading_in

CHECKOUT = Path(__file__).parents[2]
PAGE, NOTEBOOK = CHECKOUT / "docs" / "study.md", CHECKOUT / "docs" / "study.ipynb"
PEOPLE, CLIPS = 8, 2
PATHS_OF_MACHINES = re.compile(r"/(?:home|root|tmp|work|usr|Users|mnt|opt)/|\b[A-Z]:\\\\")


def test_every_command_runs(tmp_path: Path) -> None:
    reader = Reader(CHECKOUT, {"corpus('study-clips')": f"corpus('study-clips', {PEOPLE}, {CLIPS})"}, {})
    with reading_in(tmp_path):
        reader.read(PAGE)
    with (tmp_path / "probe" / "table.csv").open(newline="") as file:
        found = {row["column"] for row in csv.DictReader(file)}
    assert found == {"movement", "facemae", "videomae", "noise", "facemae+movement", "control", "chance"}
    assert len(PAGE.read_text().splitlines()) <= 100


def test_every_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PARTICIPANTS", PEOPLE), ("CLIPS", CLIPS)):
        monkeypatch.setenv(f"STUDY_{name}", str(value))
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert len(list((tmp_path / "clips").glob("*.mp4"))) == PEOPLE * CLIPS
    assert (tmp_path / "probe" / "probe.json").is_file()


def test_the_stored_outputs_are_whole_small_and_name_no_machine() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"stream", "execute_result"}
    assert not [output for output in outputs if output.get("name") == "stderr"]
    text = NOTEBOOK.read_text()
    assert len(text) < 100_000
    assert not PATHS_OF_MACHINES.search(text)
    assert socket.gethostname() not in text
