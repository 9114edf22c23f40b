"""A stage with an encoder and a column that somebody names."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

import emollama_hf
from emollama_hf import AudioEmbed, FaceEmbed, ModelError, VideoEmbed
from emollama_hf.stages.known_columns import feature_columns, is_computed, sensitive_columns, shapes_of
from emollama_hf.stages.known_stages import known_stages, maker_of, stage_named
from tests import second_process
from tests.extraction.crops import stack

CPU: dict[str, Any] = {"device": "cpu"}


def test_its_column_has_its_name_at_each_level() -> None:
    batch = {"facemae_frames": [stack(1), stack(2)]}
    clips = FaceEmbed("random-tiny", column="tiny", **CPU)(batch)["tiny"]
    frames = FaceEmbed("random-tiny", column="tiny", level="frame", **CPU)(batch)["tiny"]
    assert clips.dtype == np.float32
    assert np.std(clips[0] - clips[1]) > 1e-3, "two clips differ"
    for clip, sequence in zip(clips, frames, strict=True):
        assert len(sequence) == len(stack(1))
        np.testing.assert_allclose(np.mean(sequence, axis=0), clip, atol=1e-6)


def test_a_video_and_its_steps() -> None:
    batch = {"videomae_frames": [stack(1), stack(2)]}
    clips = VideoEmbed("random-tiny", column="moving", **CPU)(batch)["moving"]
    steps = VideoEmbed("random-tiny", column="moving", level="frame", **CPU)(batch)["moving"]
    assert np.std(clips[0] - clips[1]) > 1e-3
    np.testing.assert_allclose(np.mean(np.asarray(steps), axis=1), clips, atol=1e-5)


def test_several_of_one_kind_stay_loaded_side_by_side() -> None:
    small, large = (FaceEmbed("random-tiny", column=name, **CPU) for name in ("one", "two"))
    assert small.model() is small.model()
    assert large.model() is large.model()
    loaded = small.model()
    large.model()
    assert small.model() is loaded


def test_another_name_is_another_stage() -> None:
    one, two = (FaceEmbed("random-tiny", column=name) for name in ("one", "two"))
    sequence = FaceEmbed("random-tiny", column="one", level="frame")
    assert len({stage.fingerprint for stage in (one, two, sequence)}) == 3
    assert FaceEmbed("random-tiny", column="one").fingerprint == one.fingerprint
    assert type(FaceEmbed("random-tiny", column="one")) is type(one)
    assert isinstance(one, FaceEmbed)


def test_it_is_what_it_was_after_pickling() -> None:
    for stage in (
        FaceEmbed("random-tiny", column="one", level="frame", batch_size=3),
        AudioEmbed("random-tiny", column="heard", layers=(0, -1)),
    ):
        again = pickle.loads(pickle.dumps(stage))
        assert (type(again), again.fingerprint, again.placement) == (type(stage), stage.fingerprint, stage.placement)


def test_map_knows_it_in_a_second_process() -> None:
    code = (
        "import emollama_hf; "
        "print(emollama_hf.FaceEmbed('random-tiny', column='one', device='cpu', batch_size=2).fingerprint)"
    )
    told = second_process.run(code).stdout.strip()
    assert told == FaceEmbed("random-tiny", column="one").fingerprint


def test_map_with_processes_computes_the_same() -> None:
    ds = Dataset.from_dict({"facemae_frames": [stack(seed) for seed in range(4)]})
    stage = FaceEmbed("random-tiny", column="one", **CPU)
    alone = ds.map(stage, batched=True, batch_size=2)["one"]
    several = ds.map(stage, batched=True, batch_size=2, num_proc=2, load_from_cache_file=False)["one"]
    np.testing.assert_array_equal(np.asarray(alone), np.asarray(several))


def test_everything_that_knows_columns_knows_it() -> None:
    assert not is_computed("named_here")
    FaceEmbed("random-tiny", column="named_here")
    AudioEmbed("random-tiny", column="heard_here", level="frame")
    AudioEmbed("random-tiny", column="heard_mean")
    assert {"named_here", "heard_mean"} <= {*feature_columns()}
    assert shapes_of("named_here") == ((None,),)
    assert "heard_here" in sensitive_columns(), "a voice may be made of it"
    assert not {"named_here", "heard_mean"} & sensitive_columns()
    assert maker_of("named_here") is stage_named("face_embed_named_here")


def test_a_class_is_made_from_the_name_of_a_stage_alone() -> None:
    stage = stage_named("video_sequence_abc")
    assert stage is not None
    assert issubclass(stage, VideoEmbed)
    assert stage("random-tiny").makes == ("abc",)  # type: ignore[call-arg]
    assert stage in known_stages()


@pytest.mark.parametrize(
    "column",
    ["facemae", "emollama", "video", "uuid", "has_audio", "emollama_status", "2x", "a b", "class", "", "é", "x" * 41],
)
def test_columns_of_others_and_names_that_are_none(column: str) -> None:
    with pytest.raises(ValueError, match="column="):
        FaceEmbed("random-tiny", column=column)
    assert stage_named(f"face_embed_{column}") is None


@given(st.text(max_size=30))
def test_any_text_is_a_column_or_an_error(column: str) -> None:
    if stage_named(f"face_embed_{column}") is None:
        with pytest.raises(ValueError, match="column="):
            FaceEmbed("random-tiny", column=column)
    else:
        stage = FaceEmbed("random-tiny", column=column)
        assert stage.makes == (column,)
        assert stage_named(stage.name) is type(stage)


def test_what_it_was_told_wrongly() -> None:
    with pytest.raises(TypeError, match="lacks column="):
        FaceEmbed("random-tiny")
    with pytest.raises(TypeError, match="expected the name of a column"):
        FaceEmbed("random-tiny", column=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="level='token' is unknown"):
        FaceEmbed("random-tiny", column="one", level="token")
    with pytest.raises(TypeError, match="unexpected keyword argument 'layers'"):
        FaceEmbed("random-tiny", column="one", layers=(1,))
    with pytest.raises(ModelError, match="random weights"):
        FaceEmbed("random-tiny", column="one", weights="x.pth").model_digest()
    with pytest.raises(ModelError, match=r"no.such"):
        FaceEmbed("./no/such", column="one")({"facemae_frames": [stack(1)]})


def test_frames_that_are_none_fail_their_row() -> None:
    stage = FaceEmbed("random-tiny", column="one", on_error="null", **CPU)
    found = stage({"facemae_frames": [stack(1), None, [[1.0]]]})
    assert found["emollama_status"] == ["ok", "bad_frames", "bad_frames"]
    assert found["one"][1] is None


def test_configured_models_are_not_its_own() -> None:
    emollama_hf.configure(model="random-full", device="cpu")
    stage = FaceEmbed("random-tiny", column="one")
    assert stage.outputs()["one"].shape == FaceEmbed("random-tiny", column="two").outputs()["two"].shape
    assert stage.device() == "cpu"
