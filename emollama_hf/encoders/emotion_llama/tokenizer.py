"""The Llama tokenizer of a model directory, by SentencePiece, without transformers or torch."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from emollama_hf.errors import ModelError
from emollama_hf.files.digest import combined, sha256_file
from emollama_hf.files.small_file import read_small
from emollama_hf.files.strict_json import read_object

#: Files that a tokenizer may consist of; the first two hold the vocabulary.
TOKENIZER_FILES = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
#: The original sets its padding token to this piece; padding then has this piece's embedding.
PAD_PIECE = "$$"
#: Bounds of files from elsewhere; Llama-2's have 500 kB and a handful of added tokens.
_MAX_MODEL_BYTES = 64 * 2**20
_MOST_ADDED, _LONGEST_ADDED = 10_000, 200
_SPACE_MARK = "▁"


class LlamaTokenizer:
    """Ids as the original's slow tokenizer gives them, for both values of the directory's `legacy` flag.

    Source: transformers 4.35, `LlamaTokenizer`. transformers 5 builds another one from the same files: it
    adds no space mark to a text that begins with a space (tests/encoders/emotion_llama/test_tokenizer.py).
    """

    def __init__(self, directory: Path) -> None:
        #: Where its files lie.
        self.directory = directory
        model = directory / "tokenizer.model"
        if not model.is_file():
            raise ModelError(
                f"{directory} has no tokenizer.model, expected Llama's SentencePiece model beside its "
                "configuration. Copy it from the Llama-2 directory, or pass tokenizer= a directory or Hub id "
                "that has it."
            )
        settings = _json(directory / "tokenizer_config.json")
        # Files from before the flag existed were read the old way.
        self._legacy = bool(settings.get("legacy", True))
        self._pieces = _processor(model, dummy_prefix=self._legacy)
        self._added = _added_tokens(directory, settings)
        for piece in (self._piece(i) for i in (self._pieces.unk_id(), self.bos_id, self.eos_id)):
            self._added.setdefault(piece, self._pieces.piece_to_id(piece))
        longest_first = sorted(self._added, key=len, reverse=True)
        self._splitter = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")

    @property
    def bos_id(self) -> int:
        return int(self._pieces.bos_id())

    @property
    def eos_id(self) -> int:
        return int(self._pieces.eos_id())

    @property
    def pad_id(self) -> int:
        """Id of the piece `$$`."""
        return int(self._pieces.piece_to_id(PAD_PIECE))

    @cached_property
    def digest(self) -> str:
        vocabulary = sha256_file(self.directory / "tokenizer.model")
        return combined(vocabulary, f"legacy {self._legacy}", json.dumps(self._added, sort_keys=True))

    def encode(self, text: str) -> list[int]:
        """Ids of a text without BOS and end symbol; `<s>` and the like within it become their ids."""
        if not text:
            return []
        if self._legacy:
            return [i for chunk in self._chunks(text) for i in self._chunk_ids(chunk)]
        chunks = self._chunks(_SPACE_MARK + text.replace(_SPACE_MARK, " "))
        ids = [i for chunk in chunks for i in self._chunk_ids(chunk)]
        # The mark that was put in front is an artefact if a special token follows it at once.
        if len(ids) > 1 and self._piece(ids[0]) == _SPACE_MARK and ids[1] in self._added.values():
            return ids[1:]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without BOS, end symbol and the like; bytes that are no UTF-8 become U+FFFD.

        Source: transformers, `skip_special_tokens=True` without cleaning up blanks.
        """
        control = {self.bos_id, self.eos_id}
        texts = {index: text for text, index in self._added.items() if index not in control}
        pieces: list[str] = []
        run: list[int] = []
        for one in map(int, ids):
            if one in texts or one in control:
                pieces += [str(self._pieces.decode(run)), texts.get(one, "")]
                run = []
            else:
                run.append(one)
        return "".join([*pieces, str(self._pieces.decode(run))]).strip()

    def _chunks(self, text: str) -> list[str]:
        return [chunk for chunk in self._splitter.split(text) if chunk]

    def _chunk_ids(self, chunk: str) -> list[int]:
        return [self._added[chunk]] if chunk in self._added else list(self._pieces.encode(chunk))

    def _piece(self, index: int) -> str:
        return str(self._pieces.id_to_piece(index))


def _processor(model: Path, *, dummy_prefix: bool) -> Any:
    """SentencePiece's processor, with or without the space mark that it puts before every text."""
    from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    try:
        proto.ParseFromString(read_small(model, at_most=_MAX_MODEL_BYTES))
        proto.normalizer_spec.add_dummy_prefix = dummy_prefix
        return SentencePieceProcessor(model_proto=proto.SerializeToString())
    except Exception as error:  # protobuf and sentencepiece raise kinds of their own
        raise ModelError(
            f"{model}: not a SentencePiece model ({error}). Was it downloaded without Git LFS, or not "
            "completely? Fetch it again."
        ) from error


def _added_tokens(directory: Path, settings: dict[str, Any]) -> dict[str, int]:
    """Texts that stand for one id each, besides the pieces of the vocabulary."""
    try:
        added = {str(text): _id(index) for text, index in _json(directory / "added_tokens.json").items()}
        for index, token in settings.get("added_tokens_decoder", {}).items():
            added[str(token["content"])] = _id(index)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"{directory}: added_tokens.json or added_tokens_decoder of tokenizer_config.json do not give texts "
            f"their ids ({error}). Fetch both again."
        ) from error
    if len(added) > _MOST_ADDED or not all(0 < len(text) <= _LONGEST_ADDED for text in added):
        raise ModelError(f"{directory}: {len(added):,} added tokens, expected at most {_MOST_ADDED:,} of at most "
                         f"{_LONGEST_ADDED} letters each. Fetch its tokenizer again.")  # fmt: skip
    return added


def _id(value: Any) -> int:
    number = int(value) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**31:
        raise ValueError(f"{value!r} is no id")
    return number


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return read_object(path)
    except ValueError as error:
        raise ModelError(f"{path}: not JSON of a tokenizer ({error}). Fetch the file again.") from error
