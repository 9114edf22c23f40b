"""Tokens of the image encoder: equal to golden, kept in the work store, and never returned or written unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Array2D, load_dataset

from emollama_hf import ClipError, EmoLlamaEmbed, extract, push
from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.memory import weight_bytes
from emollama_hf.computing.available_memory import Memory
from emollama_hf.errors import ModelError
from emollama_hf.planning import memory_check
from emollama_hf.stages.image_tokens import BEHIND_IMAGE_ENCODER, ImageTokens
from emollama_hf.stages.known_columns import feature_columns, sensitive_columns
from tests.encoders import golden
from tests.encoders.golden import CLIPS, ENCODER_LIMIT, assert_reproduced
from tests.extraction.crops import OPTIONS, crops

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.convert_golden(tmp_path_factory.mktemp("golden") / "model")


def peaks() -> dict[str, list[Any]]:
    return {"peak_frame": [golden.peak_frame(clip) for clip in CLIPS]}


def test_tokens_are_those_of_the_original(model: Path) -> None:
    exact = ImageTokens(model, store_dtype="float32", **CPU)(peaks())["image_tokens"]
    rounded = ImageTokens(model, **CPU)(peaks())["image_tokens"]
    for row, clip in enumerate(CLIPS):
        assert_reproduced(exact[row], golden.outputs(f"{clip}/vision")["ln_vision_tokens"][0], ENCODER_LIMIT)
    assert rounded.dtype == np.float16
    np.testing.assert_array_equal(rounded, exact.astype(np.float16))


def test_the_decoder_is_not_loaded_and_its_own_stage_loads_all_of_it(model: Path) -> None:
    tokens = ImageTokens(model, **CPU)
    whole = EmoLlamaEmbed(model, **CPU).model()
    alone = tokens.model()
    assert all(getattr(alone, name) is None for name in BEHIND_IMAGE_ENCODER)
    assert EmoLlamaEmbed(model, **CPU).model() is whole
    assert tokens.model() is alone
    assert set(dict(alone.named_parameters())) == {n for n, _ in whole.named_parameters() if n.startswith("vision_")}


def test_memory_is_that_of_the_image_encoder() -> None:
    full = open_model("random-full")
    config = full.config("emotion_llama")
    image = weight_bytes("emotion_llama", config, "float16", without=BEHIND_IMAGE_ENCODER)
    rest = weight_bytes("emotion_llama", config, "float16", without=("vision_model",))
    assert image + rest == weight_bytes("emotion_llama", config, "float16")
    assert 1.9e9 < image < 2.1e9 < 13e9 < rest


def test_a_machine_that_could_not_hold_the_decoder_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_check, "system_memory", lambda: Memory(total=16 * 10**9, available=4 * 10**9))
    from emollama_hf.stages.pipeline import Pipeline

    options = {"device": "cpu", "dtype": "bfloat16"}
    memory_check.check_memory(Pipeline([ImageTokens("random-full", **options)]), 1)
    with pytest.raises(ModelError, match="does not fit"):
        memory_check.check_memory(Pipeline([EmoLlamaEmbed("random-full", **options)]), 1)


def test_tokens_stay_in_the_store_and_are_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"stages": [ImageTokens("random-tiny")], "out": tmp_path / "out", **OPTIONS}
    first = extract(crops(tmp_path / "clips", 1, 2, 3), "random-tiny", **options)
    assert "image_tokens" not in first.column_names
    assert "image_tokens" not in load_dataset(str(tmp_path / "out"), split="train").column_names
    monkeypatch.setattr(ImageTokens, "compute_together", None)  # nobody computes them again
    again = extract(
        crops(tmp_path / "clips", 3, 1), "random-tiny", keep=["image_tokens", "peak_frame"], existing="replace",
        **options,
    )  # fmt: skip
    monkeypatch.undo()
    direct = ImageTokens("random-tiny")({"peak_frame": list(again["peak_frame"])})["image_tokens"]
    np.testing.assert_array_equal(np.array(again.with_format("numpy")["image_tokens"][:]), direct)
    assert direct.shape == (2, 65, 40)


def test_the_stage_is_known_by_name(tmp_path: Path) -> None:
    ds = extract(crops(tmp_path / "clips", 1), "random-tiny", stages=["image_tokens"], keep="image_tokens", **OPTIONS)
    assert ds.features["image_tokens"] == Array2D((65, 40), "float16")
    assert "image_tokens" in sensitive_columns()
    assert "image_tokens" not in feature_columns()


def test_tokens_are_not_pushed_unasked(tmp_path: Path) -> None:
    ds = extract(
        crops(tmp_path / "clips", 1, 2), "random-tiny", keep=["image_tokens"],
        stages=["facemae_embed", ImageTokens("random-tiny")], **OPTIONS,
    )  # fmt: skip
    assert "image_tokens" in ds.column_names
    push(ds, str(tmp_path / "shared"))
    shared = load_dataset(str(tmp_path / "shared"), split="train")
    assert "facemae" in shared.column_names
    assert "image_tokens" not in shared.column_names


def test_a_row_without_a_picture_fails_alone() -> None:
    rows = {"peak_frame": [golden.peak_frame("clip_a"), None]}
    found = ImageTokens("random-tiny", on_error="null")(rows)
    assert found["emollama_status"] == ["ok", "bad_frames"]
    assert found["image_tokens"][1] is None
    with pytest.raises(ClipError, match="'peak_frame' is null in this row"):
        ImageTokens("random-tiny")(rows)


def test_values_beyond_float16_are_an_error_of_the_row() -> None:
    stage = ImageTokens("random-tiny", **CPU)
    norm = stage.model().vision_model.post_layernorm
    before = norm.bias.data.clone()
    try:
        norm.bias.data.fill_(1e5)
        with pytest.raises(ClipError, match=r"does not fit float16.*store_dtype='float32'"):
            stage(peaks())
        norm.bias.data.fill_(torch.inf)
        with pytest.raises(ClipError, match="image_tokens came out as NaN or infinite"):
            stage(peaks())
    finally:
        norm.bias.data.copy_(before)


def test_unknown_number_types_are_listed() -> None:
    with pytest.raises(ValueError, match=r"store_dtype='float8' is unknown\. Valid: 'float16', 'float32'"):
        ImageTokens("random-tiny", store_dtype="float8")
