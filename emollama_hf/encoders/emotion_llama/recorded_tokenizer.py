"""The tokenizer of the random models: recorded Llama-2 ids of the default prompt, bytes for the rest."""

from __future__ import annotations

from collections.abc import Sequence

from emollama_hf.encoders.emotion_llama.prompt import prompt_segments
from emollama_hf.errors import ModelError
from emollama_hf.files.digest import combined

# Ids that the real Llama-2 tokenizer gives for the three segments of the default prompt, without BOS.
_RECORDED_IDS = (
    (529, 9641, 29958),
    (1533, 9641, 29958, 529, 14394, 29958),
    (
        *(1533, 14394, 29958, 518, 331, 8194, 29962, 3529, 8161, 607, 953, 8194, 3858, 297, 278, 4863, 11524),
        *(
            29901,
            9796,
            29892,
            14610,
            29892,
            21104,
            29892,
            26230,
            29892,
            6365,
            1255,
            29892,
            16671,
            29892,
            8866,
        ),
        *(29892, 640, 3456, 29892, 7404, 29889, 29871),
    ),
)
_RECORDED = dict(zip(prompt_segments(), _RECORDED_IDS, strict=True))
# What the byte pieces do not reach; in the text of an answer of random weights, which means nothing.
_UNKNOWN_PIECE = "\N{REPLACEMENT CHARACTER}"
# Llama's vocabulary has its 256 byte pieces after <unk>, <s> and </s>.
_FIRST_BYTE = 3


class RecordedTokenizer:
    """Ids of Llama-2's vocabulary of 32,000 without Llama-2's files, which are gated.

    bytes_for_the_rest: give any other text the ids of its UTF-8 bytes, which Llama-2 knows but would not
    choose; without it any other text is an error, since lengths and ids would differ from the real ones.
    """

    bos_id = 1
    eos_id = 2
    pad_id = 0

    def __init__(self, *, bytes_for_the_rest: bool) -> None:
        self._bytes_for_the_rest = bytes_for_the_rest
        self.digest = combined("recorded ids of the default prompt", str(bytes_for_the_rest), "1")

    def encode(self, text: str) -> list[int]:
        if text in _RECORDED:
            return list(_RECORDED[text])
        if self._bytes_for_the_rest:
            return [_FIRST_BYTE + byte for byte in text.encode()]
        raise ModelError(
            "random-full knows the recorded ids of the default prompt only, and was asked for the ids of "
            f"{text!r}. Pass tokenizer= a directory or Hub id that has Llama-2's tokenizer files, use the "
            "default instruction, or use random-tiny."
        )

    def decode(self, ids: Sequence[int]) -> str:
        """The text of byte pieces; another piece, whose letters are in Llama-2's files, is a U+FFFD."""
        unknown = _UNKNOWN_PIECE.encode()
        some = [bytes([one - _FIRST_BYTE]) if 0 <= one - _FIRST_BYTE < 256 else unknown for one in ids]
        return b"".join(some).decode(errors="replace")
