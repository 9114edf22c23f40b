"""What the stages make of golden's inputs and two clips, kept for each version of each stage.

`record_outputs` writes the records, `test_recorded_outputs` compares with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import PIL.Image

from emollama_hf import (
    EmoLlamaEmbed,
    EmotionPredict,
    FaceMAEEmbed,
    GenerateAnswer,
    HubertEmbed,
    SampleFrames,
    VideoMAEEmbed,
)
from emollama_hf.stages import ImageTokens
from emollama_hf.stages.known_columns import columns_of
from emollama_hf.stages.stage import Stage
from tests.encoders import golden
from tests.sound.recordings import bare_wav, voice

FOLDER = Path(__file__).parent / "recorded"

#: Arrays by "case/column".
Arrays = dict[str, np.ndarray]
#: The outputs of a stage's class with golden's checkpoints as a model directory, by case.
Recipe = Callable[[Any, Path], Iterator[tuple[str, dict[str, Any]]]]

# What another processor or another version of a library may do. With the oldest OpenCV, PyAV, Pillow and numpy that are
# admitted pictures used a fifth of it; without AVX hidden states used a third.
#: Mean difference over a picture, in grey levels; a shift by one pixel is seven times as much and more.
PICTURE_LIMIT = 0.3
#: Largest difference of a number in these columns: pixels, and scores from 0 to 1.
COLUMN_LIMITS = {"face_boxes": 0.01, "face_scores": 1e-4}
#: The same for all other real numbers, in parts of their spread; the smallest known mistake makes 3e-4.
SPREAD_LIMIT = 3e-5

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
#: Which of a clip's crops are kept as pictures; of all of them the mean colour is.
KEPT_CROPS = {"facemae_frames": [0, 8], "videomae_frames": [5]}
PEAK_SIZE = (24, 18)


def frames_outputs(cls: type[SampleFrames], model: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every kind of crop and rule of the peak, on videos and on given pictures."""
    pan, cut = str(FOLDER / "pan_zoom.mp4"), str(FOLDER / "dark_cut.mp4")
    pictures = {"frames": [golden.frames("clip_a"), golden.frames("clip_c")]}
    yield "openface", cls(size=48)({"video": [pan, cut]})
    yield "aligned", cls(size=32, crop="aligned", peak="middle", num_frames=9)({"video": [cut]})
    yield "box", cls(size=32, crop="box", peak="first", on_error="null")({"video": [pan]})
    yield "none", cls(size=32, crop="none", peak_candidates=5)({"video": [pan]})
    yield "given", cls(size=32, faces="none")(pictures)


def facemae_outputs(cls: type[FaceMAEEmbed], model: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Clips of 16 frames, and one of a single frame."""
    embed = cls(model, **CPU)
    clips = [golden.frames(clip)[golden.outputs(f"{clip}/vision")["facemae_indices"]] for clip in golden.CLIPS]
    yield "clips", embed({"facemae_frames": clips})
    yield "one frame", embed({"facemae_frames": [clips[0][:1]]})


def videomae_outputs(cls: type[VideoMAEEmbed], model: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    clips = [golden.frames(clip)[golden.outputs(f"{clip}/vision")["videomae_indices"]] for clip in golden.CLIPS]
    yield "clips", cls(model, **CPU)({"videomae_frames": clips})


def hubert_outputs(cls: type[HubertEmbed], model: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """One vector, a sum of layers, a vector a frame, and a clip without sound. Golden has no encoder of speech."""
    with TemporaryDirectory() as folder:
        samples = (voice(16_000, 0.4)[0] * 32_767).astype(np.int16)[:, None]
        heard = {"video": [bare_wav(Path(folder) / "voice.wav", samples, 16_000).read_bytes()]}
    yield "clip", cls("random-tiny", **CPU)(heard)
    yield "layers", cls("random-tiny", layers=(0, 1), **CPU)(heard)
    yield "frames", cls("random-tiny", level="frame", **CPU)(heard)
    yield "silence", cls("random-tiny", no_audio="silence", **CPU)({"video": [str(FOLDER / "pan_zoom.mp4")]})


def token_outputs(cls: type[ImageTokens], model: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Pictures of two clips, and one rounded as it is stored."""
    peaks = [golden.peak_frame(clip) for clip in golden.CLIPS[:2]]
    yield "float32", cls(model, store_dtype="float32", **CPU)({"peak_frame": peaks})
    yield "float16", cls(model, **CPU)({"peak_frame": peaks[:1]})


def emollama_outputs(cls: type[EmoLlamaEmbed], model: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Both layouts, every pooling, other texts, half precision."""
    rows = {
        "peak_frame": [golden.peak_frame(clip) for clip in golden.CLIPS[:2]],
        **{
            column: [golden.outputs(f"{clip}/vision")[f"{column}_clip_feature"] for clip in golden.CLIPS[:2]]
            for column in ("facemae", "videomae")
        },
    }
    whole = {column: values[:1] for column, values in rows.items()}
    audio = {"hubert": [golden.audio(clip) for clip in golden.CLIPS[:2]]}
    unicode = golden.PROMPTS["instructions"]["unicode"]["text"]

    def embed(**options: Any) -> EmoLlamaEmbed:
        return cls(model, **{"store_dtype": "float32", **CPU, **options})

    yield "fork", embed()(whole)
    yield "upstream", embed(layout="upstream", pooling="features_mean")({**rows, **audio})
    yield "without audio", embed(layout="upstream", pooling="features_mean")(rows)
    yield "chat", embed(chat_template=True, pooling="text_mean")(rows)
    yield "unicode", embed(instruction=unicode, task="attention", pooling="last")(rows)
    for pooling in ("6:10", "mean", "image_mean"):
        yield pooling, embed(pooling=pooling)(rows)
    yield "float16", embed(store_dtype="float16", pooling="6:10")(rows)


def decoder_rows() -> dict[str, list[Any]]:
    """What the decoder's stages read of two clips."""
    features = ("facemae", "videomae")
    return {
        "peak_frame": [golden.peak_frame(clip) for clip in golden.CLIPS[:2]],
        **{
            one: [golden.outputs(f"{clip}/vision")[f"{one}_clip_feature"] for clip in golden.CLIPS[:2]]
            for one in features
        },
    }


def emotion_outputs(cls: type[EmotionPredict], model: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Generated answers whose probabilities are defined, and likelihoods."""
    yield "generate", cls(model, **CPU)(decoder_rows())
    for likelihood in ("sum", "mean"):
        yield likelihood, cls(model, method="likelihood", likelihood=likelihood, **CPU)(decoder_rows())


def answer_outputs(cls: type[GenerateAnswer], model: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """An answer that ends, one that does not, and one that is drawn."""
    asked = golden.PROMPTS["instructions"]["emotion"]
    yield "ends", cls(model, task=asked["task"], instruction=asked["text"], **CPU)(decoder_rows())
    yield "goes on", cls(model, max_new_tokens=4, **CPU)(decoder_rows())
    yield "drawn", cls(model, max_new_tokens=6, temperature=1.0, seed=3, **CPU)(decoder_rows())


RECIPES: dict[type[Stage], Recipe] = {
    SampleFrames: frames_outputs,
    FaceMAEEmbed: facemae_outputs,
    VideoMAEEmbed: videomae_outputs,
    HubertEmbed: hubert_outputs,
    EmoLlamaEmbed: emollama_outputs,
    EmotionPredict: emotion_outputs,
    GenerateAnswer: answer_outputs,
    ImageTokens: token_outputs,
}


def outputs(stage: type[Stage], model: Path, cls: type[Stage] | None = None) -> Arrays:
    """What the stage makes now, of its own columns.  cls: a subclass that is run in the stage's place."""
    return {
        f"{case}/{column}": array
        for case, result in RECIPES[stage](cls or stage, model)
        for own in columns_of(stage)
        if own in result  # of some options only
        for column, array in kept(own, result[own])
    }


def kept(column: str, values: Any) -> Iterator[tuple[str, np.ndarray]]:
    """A column as it is recorded: pictures smaller and fewer, everything else whole."""
    if column in KEPT_CROPS:
        crops = np.asarray(values)
        yield f"{column} colours", crops.mean(axis=(2, 3), dtype=np.float32).round().astype(np.uint8)
        yield column, crops[:, KEPT_CROPS[column]]
    elif column == "peak_frame":
        box = PIL.Image.Resampling.BOX
        yield column, np.stack([np.asarray(picture.resize(PEAK_SIZE, box)) for picture in values])
    elif any(isinstance(one, str) for one in values) or all(one is None for one in values):
        # The bytes of texts, since numpy keeps no texts of different lengths without pickles.
        for row, one in enumerate(values):
            yield f"{column} {row}", np.frombuffer((one or "").encode(), np.int8)
    else:
        yield column, np.asarray(values)


def record_of(stage: type[Stage], folder: Path = FOLDER) -> Path:
    """The file for the stage's present version."""
    return folder / f"{stage.name}-version-{stage.version}.npz"


def read_record(path: Path) -> Arrays:
    with np.load(path) as arrays:
        return dict(arrays)


def differences(recorded: Mapping[str, np.ndarray], computed: Mapping[str, np.ndarray]) -> list[str]:
    """What of a record the computed arrays do not reproduce, in words; empty if all of it."""
    found = []
    for name, old in recorded.items():
        new = computed.get(name)
        if new is None:
            found.append(f"{name} is missing")
        elif new.shape != old.shape or new.dtype != old.dtype:
            found.append(f"{name} is {new.dtype} of shape {new.shape}, recorded {old.dtype} of shape {old.shape}")
        elif (ratio := ratio_to_limit(name, old, new)) > 1:
            found.append(f"{name} differs by {ratio:.3g} times what rounding may do")
    return found


def ratio_to_limit(name: str, recorded: np.ndarray, computed: np.ndarray) -> float:
    """Largest difference over the allowed one. Whole numbers must be equal, and what is not a number must stay so."""
    old, new = recorded.astype(np.float64), computed.astype(np.float64)
    if recorded.dtype == np.uint8:  # pictures and colours
        return float(np.abs(new - old).mean(axis=(-3, -2, -1)).max() / PICTURE_LIMIT)
    if recorded.dtype.kind in "iub":
        return 0.0 if np.array_equal(old, new) else np.inf
    if not np.array_equal(np.isnan(old), np.isnan(new)):
        return np.inf
    limit = COLUMN_LIMITS.get(name.rpartition("/")[2])
    if limit is None:  # a value may be rounded to the other side when it is stored
        spread = np.nanstd(old) if np.isfinite(old).any() else 0.0
        limit = SPREAD_LIMIT * spread + np.finfo(recorded.dtype).eps * np.abs(old)
    difference = np.abs(new - old)
    return float(np.nanmax(difference[difference > 0] / np.broadcast_to(limit, old.shape)[difference > 0], initial=0.0))
