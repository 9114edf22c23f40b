"""What can be wrong with a clip, as values: the kinds are what `emollama_status` holds.

The message of every error of this package can be shown, logged and stored: `SafeMessage` sees to that.
"""

from __future__ import annotations

from typing import Literal, get_args

from emollama_hf.console.terminal import shown_text
from emollama_hf.text.secrets import without_secrets

ErrorKind = Literal[
    "missing_file",  # nothing is there, or it cannot be read or fetched
    "empty_file",  # zero bytes
    "not_a_video",  # no container that FFmpeg knows, or one without its index
    "no_video_stream",  # audio only
    "no_audio",  # no track of sound where one is asked for, or one that is shorter than a frame of its encoder
    "no_frames",  # a video or a stack of pictures in which not one frame can be decoded
    "limit_exceeded",  # more pixels, frames, seconds or bytes than the options allow
    "bad_frames",  # given pictures: shape, dtype, range or NaN
    "bad_peak",  # the peak column or the OpenFace file does not give a frame of this clip
    "no_face",  # a face in a smaller share of the sampled frames than `min_face_coverage` asks for
    "bad_features",  # a feature column: shape, dtype or NaN
    "bad_text",  # a column whose words the instruction names: null, empty, too long, or with symbols of prompts
    "missing_column",  # the row lacks a column that the stage reads
    "overflow",  # a result does not fit the type that it is stored in
    "unexpected",  # an error nobody foresaw while this row was read; the message has its type
]

ERROR_KINDS: tuple[str, ...] = get_args(ErrorKind)


#: What is published of a failure of each kind: messages quote names, paths and values.
PUBLISHED_TEXTS: dict[ErrorKind, str] = {
    "missing_file": "the file of the clip is missing, or cannot be read or fetched",
    "empty_file": "the file of the clip is empty",
    "not_a_video": "the file of the clip is no video that can be read",
    "no_video_stream": "the file of the clip has no video stream",
    "no_audio": "the clip has no sound, or too little of it",
    "no_frames": "no frame of the clip can be decoded",
    "limit_exceeded": "the clip exceeds a limit of pixels, frames, seconds or bytes",
    "bad_frames": "the given frames have a shape, type, range or values that cannot be used",
    "bad_peak": "no frame of the clip is named as its peak",
    "no_face": "a face is found in too few of the sampled frames",
    "bad_features": "the given features have a shape, type or values that cannot be used",
    "bad_text": "the text of a row that the instruction names is missing or cannot be used",
    "missing_column": "a column that a stage reads is missing",
    "overflow": "a result does not fit the type that it is stored in",
    "unexpected": "an unforeseen error occurred while the clip was processed",
}


def published_error(kind: object) -> str:
    """The message of a failure as it is published: its kind, and a fixed text for it.

    Args:
        kind: value of `emollama_status`; what is no kind of failure counts as "unexpected".

    Example:
        >>> published_error("empty_file")
        'empty_file: the file of the clip is empty'
    """
    known: ErrorKind = next((one for one in PUBLISHED_TEXTS if one == kind), "unexpected")
    return f"{known}: {PUBLISHED_TEXTS[known]}"


class SafeMessage(Exception):
    """Base of the errors of this package: the message has no secret, and no character that is not printable.

    Names of files need not be UTF-8, and URLs may be signed: both are quoted by messages, of libraries as well.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(safe_message(one) if isinstance(one, str) else one for one in arguments))


def safe_message(message: str) -> str:
    """A message as text that can be stored and printed. Line breaks stay: messages may have several lines."""
    return shown_text(without_secrets(message), lines=True)


class ClipError(SafeMessage, ValueError):
    """One row cannot be computed; every other row can.

    kind: the machine-readable kind, one of `ERROR_KINDS`.
    The message says what was found, what was expected and what to do; the name of the row is added by the
    transform that knows it.
    """

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind

    def __reduce__(self) -> tuple[type[ClipError], tuple[ErrorKind, str]]:
        # The default would call the constructor with the message alone when a worker's error is sent home.
        return type(self), (self.kind, str(self))


class ModelError(SafeMessage, ValueError):
    """A model cannot be used: its directory, one of its files, a part that was not converted, its tokenizer.

    The message says what was looked for, what is there and what to do next. No row is to blame.
    """


class MissingPartError(ModelError):
    """A model does not have a part: it was not converted."""


class SourceError(SafeMessage, ValueError):
    """A source of clips, a table of labels or an option of theirs cannot be used; the message says what to do."""


class MissingLibraryError(SafeMessage, ImportError):
    """A library that only some functions need is not installed; the message has the command that installs it."""


class StoreError(SafeMessage, RuntimeError):
    """The store of what was computed cannot be used or written: a full disk, a newer version's files.

    The message says what happened, what is kept and what to do next. No row is to blame.
    """


class PluginError(SafeMessage, ValueError):
    """A stage of another package cannot be used: it fails to import, or does not keep to the contract of a stage.

    The message names the plug-in and the distribution that it comes from. Other stages are not affected.
    """


class StageError(SafeMessage, RuntimeError):
    """A stage ended with an error that is no ClipError, in a call of `prepare` or `compute`: no row is known to blame.

    The message names the stage, where it comes from, and the rows of the call; `__cause__` is the error of the stage.
    """


class ShareError(SafeMessage, RuntimeError):
    """Features cannot be shared, fetched or checked: a place that refuses, rows that do not fit, a face on its way out.

    The message says what happened, what is published now and what to do next.
    """
