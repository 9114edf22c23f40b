"""Recordings and pictures of people: read without decoding, and left out of what is written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from datasets import Audio, ClassLabel, Dataset, Features, Image, LargeList, List, Translation, Value, Video
from datasets.features.features import _ArrayXD

from emollama_hf import schema
from emollama_hf.frames.source import FILE_URL, local_path, shown_name
from emollama_hf.stages.known_columns import sensitive_columns
from emollama_hf.text.secrets import lost_slash, public_url, without_secrets

#: Why a column is left out of what is written.
SHOWS_PEOPLE = "recordings or pictures of people"
#: An array with so many pixels on two sides, and 1, 3 or 4 colours, is taken for pictures.
PICTURE_SIDE = 16
COLOURS = (1, 3, 4)
#: More numbers than this in one list are no embedding, and so many whole numbers no list of facts: they may be pixels.
LONGEST_VECTOR = 8192
MOST_WHOLE_NUMBERS = 255


def undecoded(ds: Dataset) -> Dataset:
    """The data set with its videos as paths or bytes: decoding them here would need torchcodec."""
    for name, feature in ds.features.items():
        if isinstance(feature, Video) and feature.decode:
            ds = ds.cast_column(name, Video(decode=False))
    return ds


def without_media(ds: Dataset) -> Dataset:
    """The data set without recordings and pictures; clips stay identified by `file_name`.

    Every column of a video, image or audio type goes, whatever its name, and `frames`.
    """
    media = media_columns(ds.features)
    if schema.VIDEO in media and schema.FILE_NAME not in ds.column_names:
        names = [file_name_of(value) for value in undecoded(ds.select_columns([schema.VIDEO]))[schema.VIDEO]]
        if any(names):
            ds = ds.add_column(schema.FILE_NAME, names)
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
        return _without_chained(message, path)
    folder = f"{local.parent}{os.sep}"
    for text in dict.fromkeys((folder, without_secrets(folder))):
        for written in {text, ascii(text)[1:-1], repr(text)[1:-1]}:  # as errors of a system have it
            message = message.replace(written, "")
    return message


def _without_chained(message: str, path: str) -> str:
    """A message without the folders of a chain of URLs that end on this machine: zip://a.mp4::/home/lab/x.zip."""
    for link in path.split("::"):
        place = re.sub(r"^(?:file|local|simplecache|filecache|blockcache|cached):/*(?=/)", "", link)
        folder = f"{os.path.dirname(place)}/"
        if place.startswith("/") and len(folder) > 1:
            for written in dict.fromkeys((folder, without_secrets(folder), folder.lstrip("/"))):
                message = message.replace(written, "")
    return message


def media_columns(features: Features) -> list[str]:
    """Columns that hold recordings or pictures, or may, by their names or types."""
    sensitive = sensitive_columns()
    return [name for name, kind in features.items() if name in sensitive or is_recording(kind)]


def shows_people(name: str, feature: Any, sides: Sequence[int] = ()) -> bool:
    """Whether a column holds recordings or pictures: by its name, its type, or the shape of an array within.

    Args:
        name: of the column.
        feature: its type.
        sides: of nested lists of any length the largest number of values at each depth, if somebody has looked; else
            they count as large.
    """
    pictures = any(_is_picture(part, sides) for part in _parts(feature))
    return pictures or name in sensitive_columns() or is_recording(feature)


def may_show_people(name: str, feature: Any, sides: Sequence[int] = ()) -> bool:
    """Whether a column shows people, or what it holds could be a recording or a picture: bytes, or long lists.

    Arguments as for `shows_people`.
    """
    return shows_people(name, feature, sides) or any(_may_be_media(part, sides) for part in _parts(feature))


def is_recording(feature: Any) -> bool:
    """Whether a feature holds recordings or pictures, at any depth."""
    return any(isinstance(part, Audio | Image | Video) for part in _parts(feature))


def _parts(feature: Any) -> Iterator[Any]:
    """A feature, and what it is made of, at any depth; nested lists of numbers are one part."""
    yield feature
    if sides_of(feature):
        return
    inner = list(feature.values()) if isinstance(feature, dict) else feature
    if isinstance(inner, list | tuple):
        for one in inner:
            yield from _parts(one)
    elif getattr(feature, "feature", None) is not None:
        yield from _parts(feature.feature)


def _is_picture(feature: Any, seen: Sequence[int]) -> bool:
    sides = _seen_sides(feature, seen)
    shape = [PICTURE_SIDE if side < 0 else side for side in sides]  # of any length: it may be
    if len(shape) < 2 or sorted(shape)[-2] < PICTURE_SIDE:
        return False
    if not schema.dtype_of(feature).startswith("float") or (len(shape) > 2 and -1 in sides):
        return True
    return len(shape) > 2 and (shape[-1] in COLOURS or shape[-3] in COLOURS)


def _may_be_media(feature: Any, seen: Sequence[int]) -> bool:
    if type(feature) is Value:
        return "binary" in feature.dtype
    if not isinstance(feature, _ORDINARY):
        return True  # a type that nobody here knows
    sides = _seen_sides(feature, seen)
    if not sides:
        return False
    if schema.dtype_of(feature).startswith("float"):
        return max(sides) > LONGEST_VECTOR
    return -1 in sides or max(sides) > MOST_WHOLE_NUMBERS


def _seen_sides(feature: Any, seen: Sequence[int]) -> tuple[int, ...]:
    """Lengths of nested lists of numbers, those of any length as they were seen."""
    sides = sides_of(feature)
    return tuple(seen) if len(seen) == len(sides) else sides


def sides_of(feature: Any) -> tuple[int, ...]:
    """Lengths of nested lists or an array of numbers, -1 for any; none for other features."""
    if isinstance(feature, _ArrayXD):
        return tuple(-1 if side is None else side for side in feature.shape)
    if isinstance(feature, List | LargeList):
        inner, length = feature.feature, getattr(feature, "length", -1)
        if type(inner) is Value and inner.dtype.startswith(schema.NUMBERS):
            return (length,)
        deeper = sides_of(inner)
        return (length, *deeper) if deeper else ()
    return ()


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
    if local is not None and not lost_slash(path):
        return shown_name(local.name)
    if local is not None:
        return PurePosixPath(without_secrets(path)).name
    return without_secrets(PurePosixPath(urlsplit(public_url(path)).path).name)


_ORDINARY = (Value, ClassLabel, List, LargeList, _ArrayXD, Translation, Audio, Image, Video, dict, list, tuple)
