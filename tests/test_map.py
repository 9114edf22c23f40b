"""`datasets.map` on real video: one line, step by step, in several processes, as a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Features, Value, Video

from emollama_hf.stages import EmoLlamaEmbed, FaceMAEEmbed, SampleFrames, VideoMAEEmbed
from tests import second_process, videos

EXPECTED = [
    "emollama", "facemae", "videomae", "peak_index", "clip_frame_count", "clip_fps", "clip_duration_s",
    "face_coverage", "emollama_status", "emollama_error",
]  # fmt: skip
NUMBERS = ("emollama", "facemae", "videomae", "peak_index", "face_coverage")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two clips of a second with a face."""
    folder = tmp_path_factory.mktemp("clips")
    made = {"a.mp4": videos.pan(24), "b.mp4": videos.zoom(20)}
    return [str(videos.write_video(folder / name, frames)) for name, frames in made.items()]


@pytest.fixture(scope="module")
def embedded(clips: list[str]) -> dict[str, Any]:
    """The features of the clips by one direct call."""
    return EmoLlamaEmbed("random-tiny")({"video": clips})


def declared(ds: Dataset, transform: Any) -> Features:
    return Features({**ds.features, **transform.features})


def assert_equal_rows(rows: Any, expected: dict[str, Any], order: list[int] | None = None) -> None:
    order = list(range(len(expected["emollama"]))) if order is None else order
    for place, index in enumerate(order):
        assert rows[place]["emollama_status"] == "ok", rows[place]["emollama_error"]
        for name in NUMBERS:
            np.testing.assert_array_equal(
                np.asarray(rows[place][name]), np.asarray(expected[name][index]), err_msg=name
            )


def test_one_line_on_a_video_column(clips: list[str], embedded: dict[str, Any]) -> None:
    transform = EmoLlamaEmbed("random-tiny")
    ds = Dataset.from_dict({"video": clips})
    done = ds.map(transform, batched=True, features=declared(ds, transform))
    assert done.column_names == ["video", *EXPECTED]
    assert done.features["emollama"] == transform.features["emollama"]
    assert done.features["emollama"].dtype == "float16"
    assert_equal_rows(done, embedded)
    assert (np.asarray(embedded["face_coverage"]) > 0.5).all(), "the clips show a face"


@pytest.mark.parametrize("decode", [True, False])
def test_a_video_feature_decoded_or_not(clips: list[str], embedded: dict[str, Any], decode: bool) -> None:
    ds = Dataset.from_dict({"video": clips}).cast_column("video", Video(decode=decode))
    done = ds.map(EmoLlamaEmbed("random-tiny"), batched=True, remove_columns="video")
    assert_equal_rows(done, embedded)


def test_bytes_paths_and_urls(clips: list[str], embedded: dict[str, Any]) -> None:
    import fsspec

    content = Path(clips[0]).read_bytes()
    with fsspec.open("memory://clips/a.mp4", "wb") as file:
        file.write(content)
    inputs = [
        content,
        Path(clips[0]),
        "memory://clips/a.mp4",
        f"file://{clips[0]}",
        {"path": None, "bytes": content},
    ]
    for value in inputs:
        assert_equal_rows(
            [{k: v[0] for k, v in EmoLlamaEmbed("random-tiny")({"video": [value]}).items()}], embedded, [0]
        )


def steps() -> list[Any]:
    """Small crops: without declared features `datasets` makes a Python number of each value of a pixel."""
    model = "random-tiny"
    return [SampleFrames(size=32), FaceMAEEmbed(model), VideoMAEEmbed(model), EmoLlamaEmbed(model)]


@pytest.mark.parametrize("as_declared", [True, False])
def test_the_four_steps_one_by_one(clips: list[str], as_declared: bool) -> None:
    called: dict[str, Any] = {"video": clips}
    ds = Dataset.from_dict(called)
    for step in steps():
        called |= step(called)
        ds = ds.map(step, batched=True, features=declared(ds, step) if as_declared else None)
    assert_equal_rows(ds, called)


def test_the_order_of_rows_does_not_matter(clips: list[str], embedded: dict[str, Any]) -> None:
    ds = Dataset.from_dict({"video": clips[::-1]})
    assert_equal_rows(ds.map(EmoLlamaEmbed("random-tiny"), batched=True), embedded, [1, 0])


def test_a_stream(clips: list[str], embedded: dict[str, Any]) -> None:
    transform = EmoLlamaEmbed("random-tiny")
    ds = Dataset.from_dict({"video": clips})
    stream = ds.to_iterable_dataset().map(transform, batched=True, batch_size=1, features=declared(ds, transform))
    assert_equal_rows(list(stream), embedded)


def test_a_stream_of_a_video_feature(clips: list[str], embedded: dict[str, Any]) -> None:
    transform = EmoLlamaEmbed("random-tiny")
    ds = Dataset.from_dict({"video": clips}).cast_column("video", Video(decode=False))
    stream = ds.to_iterable_dataset().map(
        transform, batched=True, remove_columns="video", features=Features(dict(transform.features))
    )
    assert_equal_rows(list(stream), embedded)


def test_labels_and_other_columns_stay(clips: list[str]) -> None:
    ds = Dataset.from_dict(
        {"video": clips, "label": ["MW", "NonMW"]},
        features=Features({"video": Value("string"), "label": Value("string")}),
    )
    done = ds.map(EmoLlamaEmbed("random-tiny", pooling="mean"), batched=True)
    assert done["label"] == ["MW", "NonMW"]
    assert len(done[0]["emollama"]) == EmoLlamaEmbed("random-tiny", pooling="mean").features["emollama"].length


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_two_processes_after_the_parent_has_run_the_model(method: str, clips: list[str], tmp_path: Path) -> None:
    """A worker forked after its parent used torch or OpenCV hangs for ever unless the contract prevents it.

    In a process of its own, so that a hang is a failure and not the end of the test run.
    """
    script = tmp_path / "two_processes.py"
    script.write_text(
        f"""
import multiprocess, numpy as np
from datasets import Dataset
from emollama_hf.stages import EmoLlamaEmbed

if __name__ == "__main__":
    multiprocess.set_start_method({method!r})
    clips = {clips!r} * 2
    transform = EmoLlamaEmbed("random-tiny", store_dtype="float32")
    here = transform({{"video": clips}})
    ds = Dataset.from_dict({{"video": clips, "n": list(range(4))}})
    done = ds.map(transform, batched=True, batch_size=1, num_proc=2)
    assert done["emollama_status"] == ["ok"] * 4, done["emollama_error"]
    assert done["n"] == [0, 1, 2, 3]
    for name in ("peak_index", "face_coverage", "facemae", "videomae", "emollama"):
        there = np.asarray(done[name])
        limit = 1e-4 * np.std(here[name]) if name == "emollama" else 3e-5 * np.std(here[name])
        assert np.abs(there - np.asarray(here[name])).max() <= limit, name
    print("equal")
"""
    )
    ran = second_process.run_script(script, timeout=240)
    assert ran.stdout.strip().endswith("equal"), ran.stderr[-3000:]


def test_not_batched_is_an_error_that_says_so(clips: list[str]) -> None:
    with pytest.raises(TypeError, match="batched=True"):
        Dataset.from_dict({"video": clips}).map(EmoLlamaEmbed("random-tiny"))
