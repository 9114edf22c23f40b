"""A stage of another package goes wherever a built-in stage goes; emollama_hf knows nothing of it."""

from __future__ import annotations

import inspect
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Features, Value, load_dataset

import emollama_hf
from emollama_hf.commands.doctor import stages as stage_findings
from emollama_hf.commands.info import show_info
from emollama_hf.frames.demo_clips import write_demo_clips
from emollama_hf.sharing.verify import verify
from emollama_hf.stages import SampleFrames
from tests.commands.command_line import run_fresh
from tests.extraction.crops import OPTIONS
from tests.sharing.labs import rows

pytestmark = pytest.mark.usefixtures("installed")

CROPS = [np.full((2, 8, 8, 3), value, np.uint8) for value in (51, 102, 0)]


@pytest.fixture
def brightness(installed: Path) -> type[emollama_hf.Stage]:
    from face_brightness import Brightness

    return Brightness


def extracted(folder: Path, *numbers: int, **options: Any) -> Dataset:
    """Clips of the numbers, extracted into `folder`/features."""
    clips = rows(folder / "clips", *numbers)
    return emollama_hf.extract(clips, stages=["brightness"], out=folder / "features", **{**OPTIONS, **options})


def test_its_options_are_said_once(brightness: type[emollama_hf.Stage]) -> None:
    assert str(inspect.signature(brightness)).startswith("(*, on_error: 'OnError' = 'raise', scale:")
    stage = brightness(scale=1.0, batch_size=8, on_error="null")
    assert (stage.config.scale, stage.micro_batch) == (1.0, 8)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'sclae'. Valid: on_error, scale, batch_size"):
        brightness(sclae=1.0)


def test_it_goes_into_map(brightness: type[emollama_hf.Stage]) -> None:
    stage = brightness(batch_size=8, on_error="null")
    ds = Dataset.from_dict({"facemae_frames": CROPS}).map(stage, batched=True)
    assert ds["brightness"][:2] == pytest.approx([0.2, 0.4])
    assert ds["brightness"][2] is None
    assert ds["emollama_status"] == ["ok", "ok", "bad_frames"]
    assert stage.fingerprint == brightness(on_error="null").fingerprint == pickle.loads(pickle.dumps(stage)).fingerprint
    assert stage.fingerprint != brightness(scale=1.0, on_error="null").fingerprint


def test_it_goes_over_a_stream(brightness: type[emollama_hf.Stage]) -> None:
    stream = Dataset.from_dict({"facemae_frames": CROPS[:2]}).to_iterable_dataset()
    found = list(stream.map(brightness(), batched=True, batch_size=1))
    assert [row["brightness"] for row in found] == pytest.approx([0.2, 0.4])


def test_stages_that_make_its_inputs_run_first(brightness: type[emollama_hf.Stage], tmp_path: Path) -> None:
    assert [type(one) for one in brightness().chain({"video"})] == [SampleFrames, brightness]
    clip = str(write_demo_clips(tmp_path)[0])
    [value] = brightness()({"video": [clip]})["brightness"]
    assert 0 < value < 1


def test_extract_computes_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brightness: Any) -> None:
    first = extracted(tmp_path, 1, 2)
    assert first.features["brightness"] == Value("float32")
    prepared: list[str] = []
    prepare = brightness.prepare
    monkeypatch.setattr(brightness, "prepare", lambda self, row: prepared.append(row.label) or prepare(self, row))
    again = extracted(tmp_path, 1, 2, 3)  # goes on where the first run ended
    assert again["brightness"][:2] == first["brightness"]
    assert len(prepared) == 1
    opened = load_dataset(str(tmp_path / "features"), split="train")
    assert opened["brightness"] == again["brightness"]
    assert "facemae_frames" not in opened.column_names


def test_an_option_reaches_it_and_is_part_of_the_key(tmp_path: Path) -> None:
    share, whole = (extracted(tmp_path, 1, scale=scale, existing="replace")["brightness"] for scale in (255.0, 1.0))
    assert np.multiply(share, 255) == pytest.approx(whole)


def test_processes_compute_the_same(tmp_path: Path) -> None:
    here = extracted(tmp_path, 1, 2)["brightness"]
    for workers in ({"num_proc": 2}, {"num_readers": 1}):
        there = tmp_path / next(iter(workers))
        assert extracted(there, 1, 2, **workers)["brightness"] == here


def test_an_option_of_a_stage_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layout='fork' would have no effect: emollama_embed does not run"):
        extracted(tmp_path, 1, layout="fork")


def test_it_runs_beside_the_built_in_stages(tmp_path: Path) -> None:
    clips = rows(tmp_path / "clips", 1)
    done = emollama_hf.extract(clips, "random-tiny", stages=["facemae_embed", "brightness"], **OPTIONS)
    assert {"facemae", "brightness", "face_coverage"} <= set(done.column_names)


def test_the_card_says_what_it_is(tmp_path: Path) -> None:
    extracted(tmp_path, 1)
    card = (tmp_path / "features" / "README.md").read_text()
    assert "| `brightness` | float32 | mean brightness of the crops, 0..1 |" in card
    assert "one row a clip: mean brightness of the crops, `0..1`. It contains no videos" in card
    assert "| `brightness` (version 1) | scale: 255.0 |" in card
    assert '"brightness"' in card.split("with_format")[1].split("\n")[0]


def test_it_is_pushed_and_verified(tmp_path: Path) -> None:
    extracted(tmp_path, 1, 2)
    emollama_hf.push(tmp_path / "features", tmp_path / "shared")
    assert "brightness" in load_dataset(str(tmp_path / "shared"), split="train").column_names
    done = verify(tmp_path / "shared", rows(tmp_path / "again", 1, 2), sample=2)
    assert done.holds
    assert "brightness" in {check.column for check in done.rows[0].columns}
    other = verify(tmp_path / "shared", rows(tmp_path / "other", 1, 2).map(_other_clip), sample=2)
    assert not other.holds


def _other_clip(row: dict[str, Any]) -> dict[str, Any]:
    frames = np.load(row["frames"])
    np.save(row["frames"], frames // 2)
    return row


def test_rows_that_were_made_with_other_options_do_not_mix(tmp_path: Path) -> None:
    extracted(tmp_path, 1)
    emollama_hf.push(tmp_path / "features", tmp_path / "shared")
    extracted(tmp_path, 2, scale=1.0, existing="replace")
    with pytest.raises(emollama_hf.ShareError, match=r"brightness, scale: 255.0 there, 1.0 here"):
        emollama_hf.push(tmp_path / "features", tmp_path / "shared")


def test_info_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extracted(tmp_path, 1)
    show_info(str(tmp_path / "features"))
    shown = capsys.readouterr().out
    assert "brightness (version 1): scale=255" in shown


def test_doctor_lists_it() -> None:
    [finding] = stage_findings()
    assert (finding.what, finding.remedy) == ("stages", None)
    assert "'brightness' (plug-in 'brightness' of the distribution face-brightness 1.0)" in finding.value


def test_a_set_opens_where_the_package_is_not_installed(
    tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch, install: Any
) -> None:
    extracted(tmp_path, 1)
    monkeypatch.setattr("emollama_hf.stages.known_stages._stages", {SampleFrames.name: SampleFrames})
    monkeypatch.setattr("emollama_hf.stages.known_stages._makers", {})
    emollama_hf.push(tmp_path / "features", tmp_path / "shared")
    assert "brightness" in emollama_hf.load(tmp_path / "shared").column_names
    with pytest.raises(emollama_hf.ShareError, match=r"a stage of the distribution face-brightness 1.0, which is"):
        verify(tmp_path / "shared", rows(tmp_path / "again", 1), sample=1)


def test_the_command_line_takes_it(tmp_path: Path, installed: Path) -> None:
    write_demo_clips(tmp_path / "clips")
    path = ":".join([str(installed), *filter(None, sys.path)])
    out = tmp_path / "features"
    ran = run_fresh(
        "extract", str(tmp_path / "clips"), "--out", str(out), "--stages", "brightness", "--peak", "middle",
        "--option", "scale=1.0", "--option", "num_frames=2", "--option", "size=32", PYTHONPATH=path,
    )  # fmt: skip
    assert "brightness" in ran.stdout
    values = load_dataset(str(out), split="train")["brightness"]
    assert all(1 < value < 255 for value in values)
    refused = run_fresh(
        "extract", str(tmp_path / "clips"), "--out", str(out), "--stages", "brightness", "--option", "scale=bright",
        status=1, PYTHONPATH=path,
    )  # fmt: skip
    assert "scale='bright': expected a number" in refused.stderr


def test_register_makes_a_stage_known_without_an_entry_point(tmp_path: Path) -> None:
    @emollama_hf.register
    class Voice(emollama_hf.Stage):
        """What a clip sounds like: personal data like a face."""

        name, version, inputs = "voice", 1, ("facemae_frames",)

        def outputs(self) -> dict[str, emollama_hf.Column]:
            return {"loudness": emollama_hf.Column(Value("float32"), "loudness of the voice", sensitive=True)}

        def prepare(self, row: Any) -> float:
            return float(np.asarray(row["facemae_frames"]).max())

        def compute(self, items: list[float]) -> list[dict[str, float]]:
            return [{"loudness": item} for item in items]

    clips = rows(tmp_path / "clips", 1)
    done = emollama_hf.extract(clips, stages=["voice"], out=tmp_path / "features", **OPTIONS)
    assert "loudness" not in done.column_names, "nothing that sounds like a person is returned unasked"
    kept = emollama_hf.extract(clips, stages=["voice"], keep=["loudness"], **OPTIONS)
    assert kept["loudness"][0] > 0
    kept.save_to_disk(str(tmp_path / "kept"))
    emollama_hf.push(kept, tmp_path / "shared")
    assert "loudness" not in load_dataset(str(tmp_path / "shared"), split="train").column_names


def test_features_are_as_declared(brightness: type[emollama_hf.Stage]) -> None:
    assert brightness().features == Features(
        {"brightness": Value("float32"), "emollama_status": Value("string"), "emollama_error": Value("string")}
    )
