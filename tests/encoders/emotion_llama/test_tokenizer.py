"""Ids of the original's tokenizer, all recorded cases, both values of `legacy`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from emollama_hf.encoders.emotion_llama.tokenizer import LlamaTokenizer
from emollama_hf.errors import ModelError
from tests.encoders.golden import ROOT

GOLDEN = ROOT
LLAMA = GOLDEN / "checkpoints" / "llama"
CASES = json.loads((GOLDEN / "outputs" / "tokenizer_cases.json").read_text())


def tokenizer_directory(directory: Path, **settings: object) -> Path:
    """The recorded tokenizer with other settings; None takes one away."""
    shutil.copy(LLAMA / "tokenizer.model", directory)
    recorded = json.loads((LLAMA / "tokenizer_config.json").read_text()) | settings
    kept = {key: value for key, value in recorded.items() if value is not None}
    (directory / "tokenizer_config.json").write_text(json.dumps(kept))
    return directory


@pytest.mark.parametrize("legacy", [False, True])
def test_recorded_cases(tmp_path: Path, legacy: bool) -> None:
    tokenizer = LlamaTokenizer(tokenizer_directory(tmp_path, legacy=legacy))
    key = f"legacy_{str(legacy).lower()}"
    computed = {case["text"]: tokenizer.encode(case["text"]) for case in CASES}
    assert computed == {case["text"]: case[key]["ids"] for case in CASES}
    with_bos = {text: [tokenizer.bos_id, *ids] for text, ids in computed.items()}
    assert with_bos == {case["text"]: case[key]["ids_with_bos"] for case in CASES}


def test_special_ids() -> None:
    recorded = json.loads((GOLDEN / "outputs" / "token_ids.json").read_text())
    tokenizer = LlamaTokenizer(LLAMA)
    assert tokenizer.bos_id == recorded["bos_token_id"]
    assert tokenizer.eos_id == recorded["eos_token_id"]
    assert tokenizer.pad_id == recorded["pad_token_id"]


def test_directory_from_before_the_flag_is_legacy(tmp_path: Path) -> None:
    tokenizer = LlamaTokenizer(tokenizer_directory(tmp_path, legacy=None))
    case = next(case for case in CASES if case["text"] == "x<s>y")
    assert tokenizer.encode("x<s>y") == case["legacy_true"]["ids"] != case["legacy_false"]["ids"]


def test_added_tokens_are_one_id(tmp_path: Path) -> None:
    (tmp_path / "added_tokens.json").write_text('{"<pad>": 720}')
    tokenizer = LlamaTokenizer(tokenizer_directory(tmp_path))
    assert 720 in tokenizer.encode("a<pad>b")


def test_digest_is_of_what_the_ids_depend_on(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        tokenizer_directory(folder)
    assert LlamaTokenizer(here).digest == LlamaTokenizer(there).digest
    tokenizer_directory(there, legacy=True)
    assert LlamaTokenizer(here).digest != LlamaTokenizer(there).digest


def test_missing_and_damaged_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no tokenizer.model.*pass tokenizer="):
        LlamaTokenizer(tmp_path)
    (tmp_path / "tokenizer.model").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match=r"not a SentencePiece model.*Git LFS"):
        LlamaTokenizer(tmp_path)
    tokenizer_directory(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        LlamaTokenizer(tmp_path)
