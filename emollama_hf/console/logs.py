"""Loggers whose records hold no secret and nothing that moves the cursor of a terminal."""

from __future__ import annotations

import logging
import traceback
import warnings
from typing import Any

from emollama_hf.console.terminal import shown_text
from emollama_hf.text.secrets import without_secrets

#: Libraries that log the URLs they open, and loggers of theirs that may be made later.
LIBRARIES = (
    "aiobotocore", "aiohttp", "asyncio", "boto3", "botocore", "datasets", "fsspec", "gcsfs", "hpack", "httpcore",
    "httpx", "huggingface_hub", "requests", "s3fs", "s3transfer", "transformers", "urllib3",
)  # fmt: skip
LOGGERS = (
    *LIBRARIES, "aiohttp.client", "aiohttp.internal", "botocore.auth", "botocore.endpoint", "botocore.hooks",
    "botocore.httpsession", "botocore.retryhandler", "datasets.utils.file_utils", "datasets.load", "fsspec.cached",
    "fsspec.http", "fsspec.reference", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy",
    "huggingface_hub.file_download", "huggingface_hub.hf_api", "huggingface_hub.lfs", "huggingface_hub.utils._http",
    "huggingface_hub.utils._xet", "urllib3.connection", "urllib3.connectionpool", "urllib3.poolmanager",
    "urllib3.util.retry",
)  # fmt: skip


class CleanRecords(logging.Filter):
    """Takes secrets and characters that are not printable out of a record: its message and its traceback.

    lines: whether a message may have several lines.
    """

    def __init__(self, *, lines: bool) -> None:
        super().__init__()
        self._lines = lines

    def filter(self, record: logging.LogRecord) -> bool:
        clean_record(record, lines=self._lines)
        return True


# One object for all loggers of a kind: adding it again to the same logger does nothing.
_OF_LIBRARIES, _OF_THIS_PACKAGE = CleanRecords(lines=True), CleanRecords(lines=False)


def clean_record(record: logging.LogRecord, *, lines: bool = True) -> None:
    """Clean a record in place. Where there is something to clean, its arguments become part of the message."""
    try:
        message = record.getMessage()
    except Exception:  # arguments that do not fit: logging would print the record as it is
        message = f"{record.msg} {record.args}"
    clean = shown_text(without_secrets(message), lines=lines)
    if clean != message:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
        told = "".join(traceback.format_exception(record.exc_info[1]))
        record.exc_text = shown_text(without_secrets(told), lines=True).rstrip("\n")
    if record.stack_info:
        record.stack_info = without_secrets(record.stack_info)


def package_logger(name: str) -> logging.Logger:
    """The logger of a module of this package."""
    logger = logging.getLogger(name)
    logger.addFilter(_OF_THIS_PACKAGE)
    return logger


def clean_library_logs() -> None:
    """From now on no library through which this package reads and writes logs a secret; its other records stay."""
    present = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in LIBRARIES]
    for name in dict.fromkeys((*LOGGERS, *present)):
        logging.getLogger(name).addFilter(_OF_LIBRARIES)


def clean_all_logs() -> None:
    """For a process of this package's own: no record and no warning of anybody holds a secret."""
    clean_library_logs()
    make, show = logging.getLogRecordFactory(), warnings.formatwarning

    def clean_factory(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        clean_record(record)
        return record

    def clean_warning(*arguments: Any, **named: Any) -> str:
        return shown_text(without_secrets(show(*arguments, **named)), lines=True)

    logging.setLogRecordFactory(clean_factory)
    warnings.formatwarning = clean_warning
