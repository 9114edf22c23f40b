"""The stages of a shared set once more: with what it states, or with what somebody wants instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emollama_hf import ShareError
from emollama_hf.feature_set.manifest import FeatureConfig
from emollama_hf.feature_set.run_description import describe_run, made_with
from emollama_hf.sharing.recompute import recorded_pipeline, stated_quantization
from emollama_hf.stages.pipeline import build_pipeline


def stated(**options: Any) -> FeatureConfig:
    """What a set says that was extracted from video with these options."""
    pipeline = build_pipeline("random-tiny", present=["video"], device="cpu", **options)
    return FeatureConfig(describe_run(pipeline, made_with=made_with(pipeline.stages)), pipeline.features, {})


def configs(config: FeatureConfig, **options: Any) -> dict[str, Any]:
    """The configuration of each stage, with "auto" resolved."""
    pipeline = recorded_pipeline(config, None, device="cpu", **options)
    return {stage.name: stage.resolved_config() for stage in pipeline.stages}


def test_the_stated_settings_are_used() -> None:
    options = {"peak": "first", "num_frames": 8, "pooling": "6:10", "dtype": "bfloat16", "instruction": "Is she bored?"}
    found = configs(stated(**options))
    assert list(found) == ["sample_frames", "facemae_embed", "videomae_embed", "emollama_embed"]
    assert (found["sample_frames"]["peak"], found["sample_frames"]["num_frames"]) == ("first", 8)
    assert {found[name]["dtype"] for name in list(found)[1:]} == {"bfloat16"}
    assert found["emollama_embed"]["instruction"] == "Is she bored?"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_another_type_of_numbers_takes_the_place_of_the_stated_one(dtype: str) -> None:
    found = configs(stated(dtype="float32"), dtype=dtype)
    assert {found[name]["dtype"] for name in ("facemae_embed", "videomae_embed", "emollama_embed")} == {dtype}
    assert configs(stated(dtype="float32"))["facemae_embed"]["dtype"] == "float32"


def test_quantization_is_the_stated_one_another_or_none() -> None:
    plain, quantized = stated(), stated(quantize="8bit")
    assert [stated_quantization(config) for config in (plain, quantized)] == ["none", "8bit"]
    assert configs(quantized)["emollama_embed"]["quantize"] == "8bit"
    assert "quantize" not in configs(quantized, quantize="none")["emollama_embed"]
    assert configs(plain, quantize="4bit")["emollama_embed"]["quantize"] == "4bit"
    assert "quantize" not in configs(plain)["emollama_embed"]


def test_a_tokenizer_goes_to_the_decoder_alone(tmp_path: Path) -> None:
    stages = recorded_pipeline(stated(stages=["facemae_embed"]), None, device="cpu", tokenizer=tmp_path).stages
    assert [stage.placement.tokenizer for stage in stages] == [None, None]


def test_files_of_openface_are_asked_for_and_taken_from_where_they_lie_here(tmp_path: Path) -> None:
    config = stated(peak=f"openface:{tmp_path}")
    with pytest.raises(ShareError, match=r"Say where they lie \(--peak openface:DIR\)"):
        recorded_pipeline(config, None)
    assert configs(config, peak="openface:/elsewhere")["sample_frames"]["peak"].startswith("openface:")
