"""`detector`: where faces are found. It decides no result, and is an error where it cannot be had or means nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

from emollama_hf import SampleFrames, extract
from emollama_hf.computing.model_cache import forget_models
from emollama_hf.engines.workers import Workers
from emollama_hf.extraction.open_run import open_run
from emollama_hf.frames.faces import chosen_network
from emollama_hf.frames.faces.torch_yunet import TorchYunet
from tests import videos
from tests.commands.command_line import run

NO_GPU = r"detector='gpu' was asked for, but torch .* sees no CUDA device here. Use detector='cpu'"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    frames = videos.pan(8, size=(640, 480))
    return str(videos.write_video(tmp_path_factory.mktemp("clips") / "clip.mp4", frames))


def test_results_are_found_again_whichever_is_used() -> None:
    stages = [SampleFrames(detector=detector) for detector in (None, "cpu", "gpu")]
    assert len({stage.fingerprint for stage in stages}) == 1


def test_an_unknown_detector_is_refused() -> None:
    with pytest.raises(ValueError, match=r"detector='tpu' is unknown. Valid: None, 'cpu', 'gpu'"):
        SampleFrames(detector="tpu")


def test_without_a_gpu_it_is_an_error_before_any_work(clip: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=NO_GPU):
        SampleFrames(detector="gpu", on_error="null")({"video": [clip]})
    ds = Dataset.from_dict({"video": [str(tmp_path / "not there.mp4")]})
    with pytest.raises(ValueError, match=NO_GPU):
        extract(ds, "random-tiny", detector="gpu", stages=["facemae_embed"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_line_says_so_in_one_line(clip: str, tmp_path: Path) -> None:
    arguments = ("extract", str(Path(clip).parent), "--model", "random-tiny", "--out", str(tmp_path / "out"))
    ran = run(*arguments, "--detector", "gpu", status=1)
    assert ran.stdout == ""
    assert ran.stderr.startswith("emollama-hf: detector='gpu' was asked for")
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("detector", ["cpu", "gpu"])
def test_where_no_face_is_looked_for_it_is_an_error(detector: str) -> None:
    crops = np.zeros((1, 2, 32, 32, 3), np.uint8)
    stage = SampleFrames(faces="none", detector=detector)
    for ask in (lambda: stage({"frames": list(crops)}), lambda: stage.check_columns(["frames"])):
        with pytest.raises(ValueError, match=f"detector='{detector}' would have no effect: faces='none'"):
            ask()


@pytest.fixture
def gpu_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The same code with the CPU as its device; how many pictures were searched together each time."""
    searched: list[int] = []
    search = TorchYunet.rows_of_each

    def noted(network: TorchYunet, pictures):  # type: ignore[no-untyped-def]
        searched.append(len(pictures))
        return search(network, pictures)

    monkeypatch.setattr(TorchYunet, "rows_of_each", noted)
    monkeypatch.setattr(chosen_network, "detector_gpu", lambda: "cpu")
    monkeypatch.setattr("emollama_hf.stages.sample_frames.detector_gpu", lambda: "cpu")
    yield searched
    forget_models()


def test_a_call_finds_the_same_faces_in_this_process(clip: str, gpu_is_the_cpu: list[int]) -> None:
    options = {"num_frames": 4, "peak": "middle", "size": 112}
    expected = SampleFrames(**options)({"video": [clip]})
    assert not gpu_is_the_cpu
    found = SampleFrames(**options, detector="gpu")({"video": [clip]})
    assert gpu_is_the_cpu
    assert found["face_boxes"] == pytest.approx(expected["face_boxes"], abs=0.01)
    assert found["face_scores"] == pytest.approx(expected["face_scores"], abs=1e-3)
    assert found["facemae_frames"].astype(int) == pytest.approx(expected["facemae_frames"].astype(int), abs=1)


@pytest.mark.usefixtures("gpu_is_the_cpu")
def test_ray_finds_faces_on_cores(clip: str, tmp_path: Path) -> None:
    run = open_run(
        Dataset.from_dict({"video": [clip]}), "random-tiny", stages=["facemae_embed"], out=tmp_path / "out",
        on_error="null", keep=(), overwrite=False, retry_failed=False, detector="gpu",
    )  # fmt: skip
    with pytest.raises(ValueError, match="detector='gpu' has no effect with engine='ray'"):
        run.finish(Workers(engine="ray"), shard_rows=None)
