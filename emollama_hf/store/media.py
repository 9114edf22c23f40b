"""Recordings and pictures of people: read without decoding, and left out of what is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from datasets import Audio, Dataset, Features, Image, Video

from emollama_hf import schema
from emollama_hf.frames.source import FILE_URL, local_path, shown_name
from emollama_hf.secrets import public_url, without_secrets

#: Why a column is left out of what is written.
SHOWS_PEOPLE = "recordings or pictures of people"


def undecoded(ds: Dataset) -> Dataset:
    """The data set with its videos as paths or bytes: decoding them here would need torchcodec."""
    for name, feature in ds.features.items():
        if isinstance(feature, Video) and feature.decode:
            ds = ds.cast_column(name, Video(decode=False))
    return ds


def without_media(ds: Dataset, *, keep: Iterable[str] = ()) -> Dataset:
    """The data set without recordings and pictures; clips stay identified by `file_name`.

    Every column of a video, image or audio type goes, whatever its name, and `frames`; `keep` names exceptions among
    the columns that stages make.
    """
    media = [name for name in media_columns(ds.features) if name not in keep]
    if schema.VIDEO in media and "file_name" not in ds.column_names:
        names = [file_name_of(value) for value in undecoded(ds.select_columns([schema.VIDEO]))[schema.VIDEO]]
        if any(names):
            ds = ds.add_column("file_name", names)
    return ds.remove_columns(media)


def without_folder(message: str, value: Any) -> str:
    """A message about a clip with the clip's name instead of its path on this machine. value: the clip's column."""
    path = path_of(value)
    if path is None:
        return message
    local = local_path(path)
    if local is None or path.startswith(FILE_URL):
        for written in (path, without_secrets(path)):
            message = message.replace(written, str(file_name_of(value)))
    if local is None:
        return message
    folder = f"{local.parent}{os.sep}"
    for text in dict.fromkeys((folder, without_secrets(folder))):
        for written in {text, ascii(text)[1:-1], repr(text)[1:-1]}:  # as errors of a system have it
            message = message.replace(written, "")
    return message


def media_columns(features: Features) -> list[str]:
    """Columns that hold recordings or pictures, or may."""
    return [name for name, kind in features.items() if name in schema.MEDIA or is_recording(kind)]


def is_recording(feature: Any) -> bool:
    """Whether a feature holds recordings or pictures, at any depth."""
    if isinstance(feature, dict):
        return any(map(is_recording, feature.values()))
    if isinstance(feature, list | tuple):
        return any(map(is_recording, feature))
    inner = getattr(feature, "feature", None)
    return isinstance(feature, Audio | Image | Video) or (inner is not None and is_recording(inner))


def path_of(value: Any) -> str | None:
    """The path or URL that a `video` or `frames` value names; None for bytes and pictures."""
    path = value.get("path") if isinstance(value, dict) else value
    return path if isinstance(path, str) else None


def file_name_of(value: Any) -> str | None:
    """The name of the file that a `video` or `frames` value names, without its folders."""
    path = path_of(value)
    if path is None:
        return None
    local = local_path(path)
    if local is not None:
        return shown_name(local.name)
    return without_secrets(PurePosixPath(urlsplit(public_url(path)).path).name)
