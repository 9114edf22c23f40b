"""Reading a training program's .pth file without running anything that is in it."""

from __future__ import annotations

import argparse
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from emollama_hf.conversion.archive_check import check_archive, check_old_pickles, holds_code, is_archive
from emollama_hf.errors import ModelError
from emollama_hf.tensors.strict_load import check_not_pointer
from emollama_hf.tensors.wrapped_names import wrapping_hint
from emollama_hf.text.few_of_many import few_and_dots

#: How deep entries are looked into for tensors.
_DEEPEST = 3
#: Bytes up to which a tensor may repeat the values that are stored of it (`expand`), as some buffers do.
_SPREAD_BYTES = 64 * 2**20
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """The dict that `torch.save` wrote, its tensors mapped from the file.

    Only tensors, plain containers, numbers, strings and `argparse.Namespace` (masked autoencoders keep their
    options in one) are made. Files from before PyTorch 1.6 cannot be mapped and are read into memory.
    Raises ModelError for anything else in the file, with its name, and for what is no whole checkpoint.
    """
    check_not_pointer(path)
    mapped = is_archive(path)
    if mapped:
        check_archive(path)
    else:
        _check_old_format(path)
        check_old_pickles(path)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        found = _GLOBAL.search(str(error))
        if found is None:
            raise ModelError(_damaged(path, error)) from error
        raise ModelError(holds_code(path, found[1])) from error
    except Exception as error:  # a damaged pickle stream makes the unpickler stumble in any way
        raise ModelError(_damaged(path, error)) from error
    if not isinstance(content, Mapping):
        raise ModelError(f"{path} holds a {type(content).__name__}, expected the dict of a checkpoint.")
    if not mapped:
        _check_stored(content, path)
    return content


def _check_stored(content: Mapping[Any, Any], path: Path) -> None:
    """Raise ModelError for tensors whose values a file from before PyTorch 1.6 announces and does not hold."""
    seen: set[int] = set()
    stored: dict[int, int] = {}
    levels = [content]
    while levels:
        for value in levels.pop().values():
            if isinstance(value, Mapping) and id(value) not in seen:
                seen.add(id(value))
                levels.append(value)
            elif torch.is_tensor(value) and value.layout is torch.strided and value.device.type == "cpu":
                stored[value.untyped_storage().data_ptr()] = _stored(value)
    if sum(stored.values()) > path.stat().st_size:
        raise ModelError(_damaged(path, f"its tensors have {sum(stored.values()):,} bytes, more than the file"))


def _check_sizes(state: Mapping[Any, Any], where: str) -> None:
    """Raise ModelError for tensors that spread few stored values over a large shape: they would fill memory or disk."""
    spread = [
        f"{name} {tuple(value.shape)}"
        for name, value in state.items()
        if torch.is_tensor(value)
        and value.layout is torch.strided
        and _nbytes(value) > max(_SPREAD_BYTES, _stored(value))
    ]
    if spread:
        raise ModelError(
            f"{where}: tensors with more values than the file holds of them: {few_and_dots(spread, 8)}. "
            "Save them with torch.save(tensor.contiguous())."
        )


def model_state(checkpoint: Mapping[str, Any], where: str = "checkpoint") -> dict[str, torch.Tensor]:
    """The weights of a training checkpoint: its `model`, or the whole of a bare state dict.

    Raises ModelError if there are other things than tensors among them.
    """
    found = checkpoint.get("model")
    state = found if isinstance(found, Mapping) else checkpoint
    others = [
        f"{name} ({type(value).__name__})"
        for name, value in state.items()
        if not (torch.is_tensor(value) and isinstance(name, str))
    ]
    if others or not state:
        raise ModelError(
            f"{where}: expected names and tensors under 'model' or at the top, found "
            f"{few_and_dots(others, 8) or 'nothing'}. "
            f"{_deeper_hint(checkpoint) or 'Check that this is a checkpoint with weights.'}"
        )
    _check_sizes(state, where)
    return dict(state)


def _nbytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _stored(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().nbytes()


def _deeper_hint(checkpoint: Mapping[str, Any]) -> str:
    """Which entries hold tensors instead, and how to save one of them; empty if none does."""
    found = dict(_nested_states(checkpoint, (), set()))
    if not found:
        return ""
    entries = [f"{_entry(path)} ({len(state)} tensors)" for path, state in found.items()]
    path, state = max(found.items(), key=lambda item: len(item[1]))
    saved = f"torch.save(torch.load(OLD, weights_only=True, map_location='cpu'){_entry(path)}, NEW)"
    wrapped = wrapping_hint(state)
    return (
        f"Tensors are in {' and '.join(entries)}, where another training program keeps them: save "
        f"{'the one you want' if len(found) > 1 else 'these'} alone, {saved}, and give that file."
        f"{f' Their {wrapped}.' if wrapped else ''}"
    )


def _nested_states(
    content: Mapping[Any, Any], path: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path of keys, state dict) of each dict of tensors in a checkpoint once, but for the optimizer's."""
    for key, value in content.items():
        if not isinstance(value, Mapping) or "optimizer" in str(key) or len(path) == _DEEPEST or id(value) in seen:
            continue
        seen.add(id(value))
        if value and all(isinstance(name, str) and torch.is_tensor(one) for name, one in value.items()):
            yield (*path, str(key)), value
        else:
            yield from _nested_states(value, (*path, str(key)), seen)


def _entry(path: tuple[str, ...]) -> str:
    return "".join(f"[{key!r}]" for key in path)


def _check_old_format(path: Path) -> None:
    """Raise ModelError for a file that is neither of the two formats of torch.save, with what it is instead."""
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"PK"):
        raise ModelError(_damaged(path, "its end is missing"))
    if start[:1] == b"\x80":
        return
    if not start:
        found = "it is empty"
    elif start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        found = "it is a web page: the download was answered with a page for people, perhaps one to log in or confirm"
    elif start[8:9] == b"{":
        found = "it is a safetensors file, and the original's checkpoints are .pth files"
    else:
        found = f"it begins with {start[:8]!r}"
    raise ModelError(
        f"{path} ({path.stat().st_size} bytes): not a PyTorch checkpoint; {found}. "
        "Give the file as its authors published it, fetched again if need be."
    )


def _damaged(path: Path, error: object) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "weights_only" in reason:  # torch's advice to run what is in the file is not ours
        return (
            f"{path} ({path.stat().st_size} bytes): not what torch.save writes of a checkpoint, or damaged or "
            "incomplete: fetch it again, or give the file as its authors published it."
        )
    return (
        f"{path} ({path.stat().st_size} bytes): not a whole PyTorch checkpoint ({reason}). "
        "The download or copy is incomplete: fetch it again."
    )
