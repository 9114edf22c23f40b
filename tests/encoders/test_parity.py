"""Every recorded array of the original is computed again, from the recorded checkpoints as `convert` writes them.

By the public transforms wherever one reaches an array; by the models' methods for what lies between, and for a batch
of two instructions, which no transform makes.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed
from emollama_hf.checkpoints import ModelSource
from emollama_hf.encoders.emotion_llama.config_json import visual_tokens
from emollama_hf.encoders.emotion_llama.prompt import SPAN_NAMES, PromptIds, encode_prompt, pad_prompts
from emollama_hf.models import EmotionLlamaModel, FaceMAE, VideoMAE
from tests.encoders import golden
from tests.encoders.golden import CLIPS, DECODER_LIMIT, ENCODER_LIMIT, INSTRUCTIONS, VARIANTS, assert_reproduced

pytestmark = pytest.mark.usefixtures("inference")
CASES = list(product(CLIPS, VARIANTS, INSTRUCTIONS))


@pytest.fixture(name="inference")
def inference_mode():
    with torch.inference_mode():
        yield


def prompt(source: ModelSource, variant: str, instruction: str, *, chat_template: bool = False) -> PromptIds:
    wanted = golden.PROMPTS["instructions"][instruction]
    return encode_prompt(
        source.tokenizer("emotion_llama"),
        wanted["task"],
        wanted["text"],
        visual_tokens=visual_tokens(source.config("emotion_llama"), VARIANTS[variant]),
        chat_template=chat_template,
    )


def decoder_arguments(model: EmotionLlamaModel, clip: str, variant: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels of the clip's peak frame and its recorded features."""
    features = golden.outputs(f"{clip}/visual_tokens_{variant}")["video_features"]
    return model.pixels(golden.peak_frame(clip))[None], torch.from_numpy(features)


def features_by_transforms(directory: Path, clip: str) -> dict[str, np.ndarray]:
    """Columns `facemae` and `videomae` of the recorded frames."""
    frames, recorded = golden.frames(clip), golden.outputs(f"{clip}/vision")
    return {
        **FaceMAEEmbed(directory)({"facemae_frames": [frames[recorded["facemae_indices"]]]}),
        **VideoMAEEmbed(directory)({"videomae_frames": [frames[recorded["videomae_indices"]]]}),
    }


@pytest.mark.parametrize("clip", CLIPS)
def test_transforms_of_the_encoders(clip: str, golden_directory: Path) -> None:
    recorded = golden.outputs(f"{clip}/vision")
    computed = features_by_transforms(golden_directory, clip)
    for column in ("facemae", "videomae"):
        assert computed[column].dtype == np.float32
        assert_reproduced(computed[column][0], recorded[f"{column}_clip_feature"], ENCODER_LIMIT)


@pytest.mark.parametrize(
    ("clip", "variant", "instruction", "chat_template"), [*((*case, False) for case in CASES), (*CASES[0], True)]
)
def test_transform_of_the_decoder(
    clip: str, variant: str, instruction: str, chat_template: bool, golden_directory: Path
) -> None:
    """The whole chain behind the frames: both encoders' transforms, then the decoder's."""
    wanted = golden.PROMPTS["instructions"][instruction]
    embed = EmoLlamaEmbed(
        golden_directory,
        task=wanted["task"],
        instruction=wanted["text"],
        layout=variant,  # type: ignore[arg-type]
        store_dtype="float32",
        chat_template=chat_template,
    )
    columns = {"peak_frame": [golden.peak_frame(clip)], **features_by_transforms(golden_directory, clip)}
    if variant == "upstream":
        columns["hubert"] = golden.audio(clip)[None]
    name = f"{clip}/llm_{variant}_{instruction}" + ("_chat_template" if chat_template else "")
    recorded = golden.outputs(name)["last_hidden_state"]
    assert_reproduced(embed(columns)["emollama"], recorded, DECODER_LIMIT)


@pytest.mark.parametrize("variant", VARIANTS)
def test_transform_of_several_rows(variant: str, golden_directory: Path) -> None:
    """One instruction for all rows, three clips computed together."""
    embed = EmoLlamaEmbed(golden_directory, layout=variant, store_dtype="float32", batch_size=3)  # type: ignore[arg-type]
    features = [features_by_transforms(golden_directory, clip) for clip in CLIPS]
    columns = {
        "peak_frame": [golden.peak_frame(clip) for clip in CLIPS],
        "facemae": np.concatenate([row["facemae"] for row in features]),
        "videomae": np.concatenate([row["videomae"] for row in features]),
        "hubert": np.stack([golden.audio(clip) for clip in CLIPS]),
    }
    for clip, states in zip(CLIPS, embed(columns)["emollama"], strict=True):
        recorded = golden.outputs(f"{clip}/llm_{variant}_emotion")["last_hidden_state"]
        assert_reproduced(states[None], recorded, DECODER_LIMIT)


@pytest.mark.parametrize("clip", CLIPS)
def test_face_encoder(clip: str, facemae: FaceMAE) -> None:
    recorded = golden.outputs(f"{clip}/vision")
    pixels = facemae.pixels(golden.frames(clip)[recorded["facemae_indices"]])
    np.testing.assert_array_equal(pixels, recorded["facemae_pixels"])
    assert_reproduced(facemae.frame_features(pixels), recorded["facemae_frame_features"], ENCODER_LIMIT)
    assert_reproduced(facemae(pixels[None])[0], recorded["facemae_clip_feature"], ENCODER_LIMIT)


@pytest.mark.parametrize("clip", CLIPS)
def test_video_encoder(clip: str, videomae: VideoMAE) -> None:
    recorded = golden.outputs(f"{clip}/vision")
    pixels = videomae.pixels(golden.frames(clip)[recorded["videomae_indices"]])
    np.testing.assert_array_equal(pixels.transpose(0, 1), recorded["videomae_pixels"])
    assert_reproduced(videomae.tokens(pixels[None]), recorded["videomae_tokens"], ENCODER_LIMIT)
    assert_reproduced(videomae(pixels[None])[0], recorded["videomae_clip_feature"], ENCODER_LIMIT)


@pytest.mark.parametrize("clip", CLIPS)
def test_image_encoder(clip: str, emotion_llama: EmotionLlamaModel) -> None:
    recorded = golden.outputs(f"{clip}/vision")
    pixels = emotion_llama.pixels(golden.peak_frame(clip))[None]
    np.testing.assert_array_equal(pixels, recorded["peak_pixels"])
    tokens = emotion_llama.image_tokens(pixels)
    assert_reproduced(tokens, recorded["eva_tokens"], ENCODER_LIMIT)
    assert_reproduced(emotion_llama.ln_vision(tokens), recorded["ln_vision_tokens"], ENCODER_LIMIT)


def test_position_tables(emotion_llama: EmotionLlamaModel, videomae: VideoMAE) -> None:
    recorded = golden.outputs("position_tables")
    eva = emotion_llama.vision_model.embeddings.position_embedding
    assert_reproduced(eva, recorded["eva_pos_embed_interpolated"], ENCODER_LIMIT)
    video = videomae.encoder.embeddings.position_embeddings
    assert_reproduced(video, recorded["videomae_pos_embed"], ENCODER_LIMIT)


@pytest.mark.parametrize(("clip", "variant"), list(product(CLIPS, VARIANTS)))
def test_visual_tokens(
    clip: str, variant: str, facemae: FaceMAE, videomae: VideoMAE, emotion_llama: EmotionLlamaModel
) -> None:
    recorded = golden.outputs(f"{clip}/visual_tokens_{variant}")
    vision = golden.outputs(f"{clip}/vision")
    frames = golden.frames(clip)
    features = [
        facemae(facemae.pixels(frames[vision["facemae_indices"]])[None]),
        videomae(videomae.pixels(frames[vision["videomae_indices"]])[None]),
        torch.from_numpy(golden.audio(clip))[None],
    ]
    stacked = torch.stack(features[: VARIANTS[variant]], dim=1)
    assert_reproduced(stacked, recorded["video_features"], ENCODER_LIMIT)
    tokens = emotion_llama.visual_tokens(emotion_llama.pixels(golden.peak_frame(clip))[None], stacked)
    assert_reproduced(tokens, recorded["tokens"], ENCODER_LIMIT)
    assert recorded["attention"].all()
    assert recorded["attention"].shape == tokens.shape[:2]


@pytest.mark.parametrize(("clip", "variant", "instruction"), CASES)
def test_decoder(
    clip: str, variant: str, instruction: str, source: ModelSource, emotion_llama: EmotionLlamaModel
) -> None:
    recorded = golden.outputs(f"{clip}/llm_{variant}_{instruction}")
    ids = prompt(source, variant, instruction)
    assert list(SPAN_NAMES) == recorded["span_names"].tolist()
    assert [list(ids.spans[name]) for name in SPAN_NAMES] == recorded["spans"].tolist()
    batch = pad_prompts([ids], source.tokenizer("emotion_llama").pad_id)
    np.testing.assert_array_equal(batch.attention_mask, recorded["attention_mask"])
    pixels, features = decoder_arguments(emotion_llama, clip, variant)
    input_ids = torch.from_numpy(batch.input_ids)
    embedded = emotion_llama.embed(input_ids, emotion_llama.visual_tokens(pixels, features))
    assert_reproduced(embedded, recorded["inputs_embeds"], ENCODER_LIMIT)
    states = emotion_llama(pixels, features, input_ids).last_hidden_state
    assert_reproduced(states, recorded["last_hidden_state"], DECODER_LIMIT)
    if "hidden_states_all" in recorded:
        every = emotion_llama.language_model(inputs_embeds=embedded, output_hidden_states=True).hidden_states
        assert_reproduced(torch.cat(list(every)), recorded["hidden_states_all"], DECODER_LIMIT)


def test_decoder_with_chat_template(source: ModelSource, emotion_llama: EmotionLlamaModel) -> None:
    recorded = golden.outputs("clip_a/llm_fork_emotion_chat_template")
    ids = prompt(source, "fork", "emotion", chat_template=True)
    pixels, features = decoder_arguments(emotion_llama, "clip_a", "fork")
    input_ids = torch.from_numpy(ids.input_ids)[None]
    assert recorded["attention_mask"].shape == input_ids.shape
    embedded = emotion_llama.embed(input_ids, emotion_llama.visual_tokens(pixels, features))
    assert_reproduced(embedded, recorded["inputs_embeds"], ENCODER_LIMIT)
    states = emotion_llama(pixels, features, input_ids).last_hidden_state
    assert_reproduced(states, recorded["last_hidden_state"], DECODER_LIMIT)


@pytest.mark.parametrize("variant", VARIANTS)
def test_padded_batch(variant: str, source: ModelSource, emotion_llama: EmotionLlamaModel) -> None:
    recorded = golden.outputs(f"batch_{variant}")
    rows = list(zip(recorded["clips"].tolist(), recorded["instructions"].tolist(), strict=True))
    prompts = [prompt(source, variant, instruction) for _, instruction in rows]
    assert [ids.length for ids in prompts] == recorded["lengths"].tolist()
    batch = pad_prompts(prompts, source.tokenizer("emotion_llama").pad_id)
    np.testing.assert_array_equal(batch.attention_mask, recorded["attention_mask"])
    np.testing.assert_array_equal(batch.attention_mask == 0, recorded["is_padding"])
    arguments = [decoder_arguments(emotion_llama, clip, variant) for clip, _ in rows]
    pixels, features = (torch.cat(list(column)) for column in zip(*arguments, strict=True))
    input_ids, mask = torch.from_numpy(batch.input_ids), torch.from_numpy(batch.attention_mask)
    embedded = emotion_llama.embed(input_ids, emotion_llama.visual_tokens(pixels, features))
    assert_reproduced(embedded, recorded["inputs_embeds"], ENCODER_LIMIT)  # padding has the embedding of `$$`
    states = emotion_llama(pixels, features, input_ids, mask).last_hidden_state
    real = ~recorded["is_padding"]
    spread = DECODER_LIMIT * recorded["last_hidden_state"].std()
    assert np.abs(np.asarray(states)[real] - recorded["last_hidden_state"][real]).max() <= spread


def test_rows_of_a_batch_give_what_they_give_alone(
    source: ModelSource, facemae: FaceMAE, videomae: VideoMAE, emotion_llama: EmotionLlamaModel
) -> None:
    """Within golden's limits: a matrix product of another height rounds differently."""
    faces = torch.stack([torch.from_numpy(golden.outputs(f"{c}/vision")["facemae_pixels"]) for c in CLIPS])
    videos = torch.stack([torch.from_numpy(golden.outputs(f"{c}/vision")["videomae_pixels"]) for c in CLIPS])
    videos = videos.transpose(1, 2)
    for model, batch in ((facemae, faces), (videomae, videos)):
        alone = torch.cat([model(row[None]) for row in batch])
        assert_reproduced(model(batch), alone.numpy(), ENCODER_LIMIT)
    arguments = [decoder_arguments(emotion_llama, clip, "fork") for clip in CLIPS]
    ids = torch.from_numpy(prompt(source, "fork", "emotion").input_ids)
    alone = torch.cat([emotion_llama(p, f, ids[None]).last_hidden_state for p, f in arguments])
    pixels, features = (torch.cat(list(column)) for column in zip(*arguments, strict=True))
    together = emotion_llama(pixels, features, ids.expand(3, -1)).last_hidden_state
    assert_reproduced(together, alone.numpy(), DECODER_LIMIT)
