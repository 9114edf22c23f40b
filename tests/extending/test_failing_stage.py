"""A stage that ends with an error of its own is one error that names the stage, its distribution and the clips."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset

import emollama_hf
from emollama_hf import StageError
from emollama_hf.extraction.open_run import open_run
from emollama_hf.frames.demo_clips import write_demo_clips
from tests import second_process
from tests.commands.command_line import MAIN
from tests.extraction.crops import OPTIONS
from tests.sharing.labs import rows

Install = Callable[[Path], None]

PUPIL = """
import emollama_hf
import numpy as np
from datasets import Value

class Pupil(emollama_hf.Stage):
    name, version, inputs = "pupil", 1, ("facemae_frames",)
    def outputs(self):
        return {"pupil": emollama_hf.Column(Value("float32"), "diameter of the pupil")}
    def prepare(self, row):
        return np.asarray(row["facemae_frames"])
    def compute(self, items):
        return [{"pupil": 1 // int(crops.any())} for crops in items]
"""
BLACK, GREY = np.zeros((2, 8, 8, 3), np.uint8), np.full((2, 8, 8, 3), 99, np.uint8)


@pytest.fixture
def package(tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The distribution "pupil-size", whose module has a stage that no entry point names."""
    monkeypatch.delitem(sys.modules, "pupil_size", raising=False)
    folder = tmp_path / "package"
    info = folder / "pupil_size-2.0.dist-info"
    info.mkdir(parents=True)
    (folder / "pupil_size.py").write_text(PUPIL)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pupil-size\nVersion: 2.0\n")
    (info / "RECORD").write_text("pupil_size.py,,\n")
    install(folder)
    return folder


@pytest.fixture
def pupil(package: Path) -> type[emollama_hf.Stage]:
    from pupil_size import Pupil

    return Pupil


def test_compute(pupil: type[emollama_hf.Stage]) -> None:
    batch = {"facemae_frames": [GREY, BLACK], "uuid": ["a", "b"]}
    with pytest.raises(StageError) as told:
        pupil(batch_size=8, on_error="null")(batch)
    assert str(told.value) == (
        "stage 'pupil' (pupil_size.Pupil of the distribution pupil-size 2.0) failed in compute of 2 rows (uuid 'a', "
        "uuid 'b'): ZeroDivisionError: integer division or modulo by zero"
    )
    assert isinstance(told.value.__cause__, ZeroDivisionError)


def test_a_class_that_no_distribution_has_is_named_by_its_module(monkeypatch: pytest.MonkeyPatch, pupil: Any) -> None:
    monkeypatch.setattr(pupil, "__module__", "my_notebook")
    with pytest.raises(StageError, match=r"^stage 'pupil' \(my_notebook.Pupil\) failed in compute of 1 row \(row 0 of"):
        pupil()({"facemae_frames": [BLACK]})


def test_a_clip_error_that_compute_raises_belongs_to_no_row(monkeypatch: pytest.MonkeyPatch, pupil: Any) -> None:
    def compute(self: Any, items: list[Any]) -> list[Any]:
        raise emollama_hf.ClipError("bad_frames", "the eyes are closed.")

    monkeypatch.setattr(pupil, "compute", compute)
    with pytest.raises(StageError, match="one row is returned by compute, in the position of that row: the eyes are"):
        pupil(on_error="null")({"facemae_frames": [GREY]})


def test_prepare_fails_its_row_alone(monkeypatch: pytest.MonkeyPatch, pupil: Any) -> None:
    prepare = pupil.prepare
    monkeypatch.setattr(pupil, "prepare", lambda self, row: {}["eyes"] if row["uuid"] == "b" else prepare(self, row))
    batch = {"facemae_frames": [GREY, GREY], "uuid": ["a", "b"]}
    done = pupil(on_error="null")(batch)
    assert done["emollama_status"] == ["ok", "unexpected"]
    assert done["emollama_error"][1] == "uuid 'b': pupil (pupil-size 2.0) met KeyError: 'eyes'"
    with pytest.raises(emollama_hf.ClipError, match=r"uuid 'b': pupil \(pupil-size 2.0\) met KeyError") as told:
        pupil()(batch)
    assert isinstance(told.value.__cause__, KeyError)


def test_a_library_that_prepare_lacks_is_no_error_of_the_row(monkeypatch: pytest.MonkeyPatch, pupil: Any) -> None:
    monkeypatch.setattr(pupil, "prepare", lambda self, row: __import__("pupil_tracker_of_last_year"))
    with pytest.raises(StageError, match=r"pupil-size 2.0\) failed in prepare of 1 row \(uuid 'a'\): ModuleNotFound"):
        pupil(on_error="null")({"facemae_frames": [GREY], "uuid": ["a"]})


@pytest.mark.parametrize("method", ["prepare", "compute"])
def test_a_stage_that_ends_the_process(method: str, monkeypatch: pytest.MonkeyPatch, pupil: Any) -> None:
    monkeypatch.setattr(pupil, method, lambda self, given: sys.exit(3))
    with pytest.raises(StageError, match=rf"pupil-size 2.0\) failed in {method} of 1 row \(uuid 'a'\): SystemExit: 3"):
        pupil(on_error="null")({"facemae_frames": [GREY], "uuid": ["a"]})


@pytest.mark.parametrize("method", ["prepare", "compute"])
def test_a_kind_of_its_own_is_unexpected(method: str, monkeypatch: pytest.MonkeyPatch, pupil: Any) -> None:
    def failing(self: Any, given: Any) -> Any:
        error = emollama_hf.ClipError("eyes_closed", "no eye is open.")  # type: ignore[arg-type]
        if method == "compute":
            return [error]
        raise error

    monkeypatch.setattr(pupil, method, failing)
    done = pupil(on_error="null")({"facemae_frames": [GREY], "uuid": ["a"]})
    assert done["emollama_status"] == ["unexpected"]
    assert done["emollama_error"] == [
        "uuid 'a': pupil (pupil-size 2.0) has the kind 'eyes_closed', which is unknown: no eye is open."
    ]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), MemoryError(), torch.OutOfMemoryError("no"), emollama_hf.ModelError("no weights")]
)
def test_what_is_no_defect_of_a_stage_stays_what_it_is(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, pupil: Any
) -> None:
    def compute(self: Any, items: list[Any]) -> list[Any]:
        raise error

    monkeypatch.setattr(pupil, "compute", compute)
    with pytest.raises(type(error)):
        pupil()({"facemae_frames": [GREY]})


@pytest.mark.parametrize("workers", [{}, {"num_proc": 2}])
def test_what_was_stored_before_stays(tmp_path: Path, pupil: Any, workers: dict[str, int]) -> None:
    emollama_hf.register(pupil)
    clips = rows(tmp_path / "clips", 1, 2, 3)
    np.save(clips[2]["frames"], np.zeros((16, 24, 24, 3), np.uint8))
    options: dict[str, Any] = {"stages": ["pupil"], "out": tmp_path / "features", **OPTIONS}
    emollama_hf.extract(clips.select([0, 1]), **options)
    with pytest.raises(StageError, match=r"'pupil'.*of the distribution pupil-size 2.0\) failed in compute of 1 row"):
        emollama_hf.extract(clips, **options, **workers)
    run = open_run(
        clips, None, on_error="null", keep=(), overwrite=False, retry_failed=False, look_only=True, **options
    )
    assert [run.known(row) is None for row in range(3)] == [False, False, True]


def test_a_row_without_a_name_is_called_by_its_position(pupil: Any) -> None:
    emollama_hf.register(pupil)
    crops = Dataset.from_dict({"facemae_frames": [GREY, GREY, GREY, BLACK]})
    with pytest.raises(StageError, match=r"compute of 1 row \(row 3 of the data set\)"):
        emollama_hf.extract(crops, stages=["pupil"])
    with pytest.raises(StageError, match=r"compute of 1 row \(row 1 of the batch\)"):
        crops.map(pupil(), batched=True, batch_size=2)


def test_the_command_line_says_it_in_a_line(tmp_path: Path, package: Path) -> None:
    (package / "pupil_size-2.0.dist-info" / "entry_points.txt").write_text(
        "[emollama_hf.stages]\npupil = pupil_size:Pupil\n"
    )
    (package / "pupil_size.py").write_text(PUPIL.replace("crops.any()", "False"))
    write_demo_clips(tmp_path / "clips")
    command = [
        "extract", str(tmp_path / "clips"), "--out", str(tmp_path / "out"), "--stages", "pupil", "--peak", "middle",
        "--option", "num_frames=2", "--option", "size=32",
    ]  # fmt: skip
    main = f"import sys; sys.path.insert(0, {str(package)!r}); {MAIN}"
    ran = second_process.run(main, *command)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(
        "emollama-hf: stage 'pupil' (plug-in 'pupil' of the distribution pupil-size 2.0) failed in compute of 1 row"
    )
    assert "Traceback" not in ran.stderr
    told = second_process.run(main, *command, "--debug").stderr
    assert "Traceback" in told
    assert "ZeroDivisionError: integer division" in told
