"""What goes into Emotion-LLaMA: pictures to pixels, instructions to ids, in the form that the model takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BatchFeature, ProcessorMixin
from transformers.utils import cached_file

from emollama_hf.encoders.emotion_llama.config_keys import processor_config
from emollama_hf.encoders.emotion_llama.prompt import DEFAULT_INSTRUCTION, DEFAULT_TASK, encode_prompt, pad_prompts
from emollama_hf.encoders.emotion_llama.tokenizer import TOKENIZER_FILES, LlamaTokenizer
from emollama_hf.encoders.pixels import resize_uint8
from emollama_hf.encoders.scaling import clip_normalised
from emollama_hf.errors import ModelError
from emollama_hf.files.links import check_links
from emollama_hf.files.strict_json import read_object

#: Clip features that each layout hands to the decoder.
FEATURES = {"fork": 2, "upstream": 3}
_HUB_OPTIONS = ("cache_dir", "force_download", "local_files_only", "token", "revision", "proxies")


def processor_settings(image_size: int, image_tokens: int) -> dict[str, Any]:
    """processor_config.json of a model directory."""
    return {
        "processor_class": EmotionLlamaProcessor.__name__,
        "image_size": image_size,
        "image_tokens": image_tokens,
    }


class EmotionLlamaProcessor(ProcessorMixin):
    """Peak frames and instructions to `EmotionLlamaModel`'s arguments.

    tokenizer: Llama's, as the original's slow tokenizer splits texts; transformers 5 builds another one.
    image_size: side of the image encoder's input in pixels.  image_tokens: projected image tokens of one picture.

        >>> processor = AutoProcessor.from_pretrained("emotion-llama-hf", subfolder="emotion_llama")
        >>> inputs = processor(images=[frame], instruction="Is this person paying attention?")
        >>> model(**inputs, features=torch.stack([facemae, videomae])[None]).last_hidden_state.shape
        torch.Size([1, 274, 4096])
    """

    def __init__(self, tokenizer: LlamaTokenizer, image_size: int = 448, image_tokens: int = 256) -> None:
        self.tokenizer = tokenizer
        self.image_size = image_size
        self.image_tokens = image_tokens
        self.chat_template = None

    def __call__(  # transformers' own takes text with placeholders in it
        self,
        images: Any,
        instruction: str | Sequence[str] = DEFAULT_INSTRUCTION,
        *,
        task: str | Sequence[str] = DEFAULT_TASK,
        layout: str = "fork",
        chat_template: bool = False,
        return_tensors: str = "pt",
    ) -> BatchFeature:
        """One picture and one prompt a row.

        images: a picture or a list of them, each a PIL image or (H, W, 3) uint8 RGB of any size.
        instruction, task: one for all rows, or one a row.
        layout: "fork" (two clip features) or "upstream" (three).

        Returns `pixel_values` (B, 3, S, S) float32, `input_ids` and `attention_mask` (B, L) int64, padded on the right.
        Raises ValueError for an unknown layout, another number of instructions than pictures, and no picture.
        """
        if layout not in FEATURES:
            raise ValueError(f"layout={layout!r} is unknown. Valid: {', '.join(map(repr, FEATURES))}")
        if return_tensors != "pt":
            raise ValueError(f"return_tensors={return_tensors!r}: expected 'pt', the model's own")
        pictures = list(images) if isinstance(images, list | tuple) else [images]
        if not pictures:
            raise ValueError("images: expected at least one picture, got none")
        tasks, instructions = _a_row("task", task, pictures), _a_row("instruction", instruction, pictures)
        visual_tokens = self.image_tokens + FEATURES[layout] + 1
        prompts = [
            encode_prompt(self.tokenizer, *asked, visual_tokens=visual_tokens, chat_template=chat_template)
            for asked in zip(tasks, instructions, strict=True)
        ]
        batch = pad_prompts(prompts, self.tokenizer.pad_id)
        return BatchFeature(
            {
                "pixel_values": torch.stack([self._pixels(picture) for picture in pictures]),
                "input_ids": torch.from_numpy(batch.input_ids),
                "attention_mask": torch.from_numpy(batch.attention_mask),
            }
        )

    @property
    def model_input_names(self) -> list[str]:
        return ["pixel_values", "input_ids", "attention_mask"]

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], *, subfolder: str = "", **kwargs: Any) -> Any:  # type: ignore[override]
        """The processor of a model directory or Hub id; of its files only sizes and the vocabulary are read.

        Raises ModelError if it has no tokenizer, values out of bounds, or links to elsewhere, OSError if it has no
        processor_config.json.
        """
        options = {key: value for key, value in kwargs.items() if key in _HUB_OPTIONS and value is not None}
        if os.path.isdir(name):
            check_links(Path(name), *([subfolder] if subfolder else []))
        path = cached_file(name, "processor_config.json", subfolder=subfolder, **options)
        assert path is not None  # it raises instead
        settings = _settings(Path(path))
        found = [
            cached_file(name, file, subfolder=subfolder, _raise_exceptions_for_missing_entries=False, **options)
            for file in TOKENIZER_FILES
        ]
        folder = next((Path(path).parent for path in found if path is not None), None)
        if folder is None:
            where = f"{name}/{subfolder}" if subfolder else str(name)
            raise ModelError(f"{where} has no tokenizer. Copy {TOKENIZER_FILES[0]} there from Llama-2's directory.")
        return cls(LlamaTokenizer(folder), settings["image_size"], settings["image_tokens"])

    def save_pretrained(self, save_directory: str | os.PathLike[str], **options: Any) -> list[str]:  # type: ignore[override]
        """Write processor_config.json and the tokenizer's files; returns their names."""
        if options.get("push_to_hub"):
            raise ValueError("push_to_hub: save the model directory, then upload it with hf upload")
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.to_json_file(folder / "processor_config.json")
        written = ["processor_config.json"]
        for name in TOKENIZER_FILES:
            source = self.tokenizer.directory / name
            if source.is_file() and source.resolve() != (folder / name).resolve():
                shutil.copyfile(source, folder / name)
                written.append(name)
        return [str(folder / name) for name in written]

    @classmethod
    def get_attributes(cls) -> list[str]:
        # The tokenizer is none of transformers' and is saved and loaded here.
        return []

    def to_dict(self) -> dict[str, Any]:
        return processor_settings(self.image_size, self.image_tokens)

    def _pixels(self, picture: Any) -> torch.Tensor:
        array = np.asarray(picture.convert("RGB") if hasattr(picture, "convert") else picture)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3:
            raise ValueError(
                f"images: got {array.dtype} of shape {array.shape}, expected PIL images or (H, W, 3) uint8 RGB arrays"
            )
        return clip_normalised(resize_uint8(array, (self.image_size, self.image_size), "bicubic"))


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = read_object(path)
    except ValueError as error:
        raise ModelError(f"{path}: not JSON of a processor ({error}). Fetch or convert it again.") from error
    return processor_config(found, str(path))


def _a_row(name: str, value: str | Sequence[str], pictures: Sequence[Any]) -> list[str]:
    values = [value] * len(pictures) if isinstance(value, str) else list(value)
    if len(values) != len(pictures):
        raise ValueError(f"{name}: got {len(values)} for {len(pictures)} pictures, expected one text or one a picture")
    return values
