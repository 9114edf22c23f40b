"""Keeping tokens and signed links out of what people see: errors, logs, cards, manifests."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

HIDDEN = "***"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>)\]}]+", re.IGNORECASE)
_TOKEN = re.compile(r"\b(hf_[A-Za-z0-9]{8,}|Bearer\s+\S+|(AKIA|ASIA)[A-Z0-9]{16})")
#: Loggers of libraries that quote the links they could not reach.
_LOGGERS = ("huggingface_hub.utils._http", "huggingface_hub.lfs", "urllib3.connectionpool", "httpx")


def without_secrets(text: str) -> str:
    """A text without tokens, passwords in links, and the queries of links, which may sign them."""
    text = _URL.sub(lambda match: public_url(match[0]), text)
    for token in _known_tokens():
        text = text.replace(token, HIDDEN)
    return _TOKEN.sub(HIDDEN, text)


def public_url(url: str) -> str:
    """A URL as it may be shown: scheme, host and path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@contextmanager
def no_secrets_in_logs() -> Iterator[None]:
    """What libraries log meanwhile shows no signed link."""
    cleaner = _Cleaner()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(cleaner)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(cleaner)


class _Cleaner(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_secrets(record.getMessage()), ()
        return True


def _known_tokens() -> list[str]:
    from huggingface_hub import get_token

    token = get_token()
    return [token] if token else []
