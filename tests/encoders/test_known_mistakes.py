"""The recorded data is worth its name only if a wrong model fails on it: each known mistake is made on purpose."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.encoders.emotion_llama.config_json import visual_tokens
from emollama_hf.encoders.emotion_llama.eva import interpolated_positions
from emollama_hf.encoders.emotion_llama.prompt import VISUAL_ID, encode_prompt
from emollama_hf.models import EmotionLlamaModel, FaceMAE, VideoMAE
from tests.encoders import golden
from tests.encoders.golden import DECODER_LIMIT, ENCODER_LIMIT, ratio_to_limit

VISION = golden.outputs("clip_a/vision")
DECODED = golden.outputs("clip_a/llm_fork_emotion")


def set_eps(module: nn.Module, eps: float) -> nn.Module:
    changed = copy.deepcopy(module)
    for layer in changed.modules():
        if isinstance(layer, nn.LayerNorm):
            layer.eps = eps
        elif hasattr(layer, "variance_epsilon"):
            layer.variance_epsilon = eps
    return changed


def faces(model: FaceMAE, pixels: np.ndarray | None = None) -> float:
    pixels = VISION["facemae_pixels"] if pixels is None else pixels
    features = model.frame_features(torch.from_numpy(pixels))
    return ratio_to_limit(features.detach(), VISION["facemae_frame_features"], ENCODER_LIMIT)


def image(model: EmotionLlamaModel, pixels: np.ndarray | None = None) -> float:
    pixels = VISION["peak_pixels"] if pixels is None else pixels
    with torch.inference_mode():
        tokens = model.image_tokens(torch.from_numpy(pixels))
    return ratio_to_limit(tokens, VISION["eva_tokens"], ENCODER_LIMIT)


def video(model: VideoMAE, pixels: np.ndarray) -> float:
    with torch.inference_mode():
        feature = model(torch.from_numpy(pixels).transpose(0, 1)[None])[0]
    return ratio_to_limit(feature, VISION["videomae_clip_feature"], ENCODER_LIMIT)


def decoder(model: EmotionLlamaModel, source: ModelSource, edit: Callable[[list[int]], list[int]]) -> float:
    """Ratio of the hidden states when the ids of the emotion prompt are edited; they keep their length."""
    ids = edit(
        encode_prompt(
            source.tokenizer("emotion_llama"), visual_tokens=visual_tokens(source.config("emotion_llama"), 2)
        ).input_ids.tolist()
    )
    features = golden.outputs("clip_a/visual_tokens_fork")["video_features"]
    with torch.inference_mode():
        pixels = torch.from_numpy(VISION["peak_pixels"])
        states = model(pixels, torch.from_numpy(features), torch.tensor([ids])).last_hidden_state
    return ratio_to_limit(states, DECODED["last_hidden_state"], DECODER_LIMIT)


def unchanged(ids: list[int]) -> list[int]:
    return ids


def test_the_right_model_passes(
    source: ModelSource, facemae: FaceMAE, videomae: VideoMAE, emotion_llama: EmotionLlamaModel
) -> None:
    assert faces(facemae) < 1
    assert image(emotion_llama) < 1
    assert video(videomae, VISION["videomae_pixels"]) < 1
    assert decoder(emotion_llama, source, unchanged) < 1


def test_another_eps_is_seen(source: ModelSource, facemae: FaceMAE, emotion_llama: EmotionLlamaModel) -> None:
    assert faces(set_eps(facemae, 1e-5)) > 1
    wrong_eva = copy.deepcopy(emotion_llama)
    wrong_eva.vision_model.encoder = set_eps(wrong_eva.vision_model.encoder, 1e-5)
    assert image(wrong_eva) > 1
    wrong_ln_vision = copy.deepcopy(emotion_llama)
    wrong_ln_vision.vision_model.post_layernorm.eps = 1e-6
    normed = wrong_ln_vision.ln_vision(torch.from_numpy(VISION["eva_tokens"])).detach()
    assert ratio_to_limit(normed, VISION["ln_vision_tokens"], ENCODER_LIMIT) > 1
    wrong_decoder = copy.deepcopy(emotion_llama)
    wrong_decoder.language_model = set_eps(wrong_decoder.language_model, 1e-6)
    assert decoder(wrong_decoder, source, unchanged) > 1


def test_colours_in_the_wrong_order_are_seen(
    facemae: FaceMAE, videomae: VideoMAE, emotion_llama: EmotionLlamaModel
) -> None:
    assert faces(facemae, VISION["facemae_pixels"][:, ::-1].copy()) > 1
    assert video(videomae, VISION["videomae_pixels"][::-1].copy()) > 1
    assert image(emotion_llama, VISION["peak_pixels"][:, ::-1].copy()) > 1


def test_imagenet_normalisation_is_seen(facemae: FaceMAE, videomae: VideoMAE) -> None:
    mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    shape = (3, 1, 1)
    assert faces(facemae, (VISION["facemae_pixels"] - mean.reshape(shape)) / std.reshape(shape)) > 1
    shape = (3, 1, 1, 1)
    assert video(videomae, (VISION["videomae_pixels"] - mean.reshape(shape)) / std.reshape(shape)) > 1


def test_video_encoder_with_a_final_norm_is_seen(videomae: VideoMAE) -> None:
    state = golden.source_states()["videomae"]
    with torch.inference_mode():
        tokens = videomae.tokens(torch.from_numpy(VISION["videomae_pixels"]).transpose(0, 1)[None])
        norm = nn.LayerNorm(tokens.shape[-1], eps=1e-6)
        norm.load_state_dict({kind: state[f"encoder.norm.{kind}"] for kind in ("weight", "bias")})
        feature = norm(tokens).mean(dim=1)[0]
    assert ratio_to_limit(feature, VISION["videomae_clip_feature"], ENCODER_LIMIT) > 1


def test_frames_of_the_other_sampler_are_seen(videomae: VideoMAE) -> None:
    frames = golden.frames("clip_c")
    recorded = golden.outputs("clip_c/vision")
    with torch.inference_mode():
        feature = videomae(videomae.pixels(frames[recorded["facemae_indices"]])[None])[0]
    assert ratio_to_limit(feature, recorded["videomae_clip_feature"], ENCODER_LIMIT) > 1


def test_position_table_made_another_way_is_seen(emotion_llama: EmotionLlamaModel) -> None:
    table = golden.source_states()["eva"]["pos_embed"]
    recorded = golden.outputs("position_tables")["eva_pos_embed_interpolated"]
    right = interpolated_positions(table, 8)
    assert ratio_to_limit(right, recorded, ENCODER_LIMIT) < 1
    grid = table[:, 1:].float().reshape(1, 4, 4, -1).permute(0, 3, 1, 2)
    bilinear = nn.functional.interpolate(grid, size=(8, 8), mode="bilinear", align_corners=False)
    bilinear = torch.cat([table[:, :1].float(), bilinear.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
    for wrong in (bilinear, right.half().float()):
        assert ratio_to_limit(wrong, recorded, ENCODER_LIMIT) > 1
        model = copy.deepcopy(emotion_llama)
        model.vision_model.embeddings.position_embedding.data = wrong
        assert image(model) > 1


@pytest.mark.parametrize("alpha", [1.0, 16.0])
def test_wrong_lora_scale_is_seen(alpha: float, source: ModelSource, tmp_path: Path) -> None:
    trained = golden.read_checkpoint(golden.SOURCES["emotion_llama"])["model"]
    torch.save({"model": trained}, tmp_path / "bare.pth")  # without the right alpha, which another would contradict
    sizes = {name: value for name, value in golden.MANIFEST["hyperparameters"].items() if name != "lora"}
    changes = {"emotion_llama": tmp_path / "bare.pth", "architecture": sizes, "lora_alpha": alpha}
    model = open_model(golden.convert_golden(tmp_path / "model", **changes)).load("emotion_llama")
    assert decoder(model, source, unchanged) > 1


def test_no_lora_is_seen(source: ModelSource, emotion_llama: EmotionLlamaModel) -> None:
    model = copy.deepcopy(emotion_llama)
    llama = {
        name.removeprefix("model."): tensor
        for name, tensor in golden.source_states()["llama"].items()
        if name != "lm_head.weight"
    }
    model.language_model.load_state_dict(llama, strict=True)
    assert decoder(model, source, unchanged) > 1


def test_wrong_sequences_are_seen(source: ModelSource, emotion_llama: EmotionLlamaModel) -> None:
    start, stop = encode_prompt(source.tokenizer("emotion_llama"), visual_tokens=19).spans["feature_slot"]

    def split_at_three(ids: list[int]) -> list[int]:
        return [*ids[:19], VISUAL_ID, *ids[19:start], *ids[start + 1 :]]

    def without_bos(ids: list[int]) -> list[int]:
        return [*ids[1:], 2]

    def without_end(ids: list[int]) -> list[int]:
        return [*ids[:-1], ids[-2]]

    assert stop - start == 4
    for edit in (split_at_three, without_bos, without_end):
        assert decoder(emotion_llama, source, edit) > 1
