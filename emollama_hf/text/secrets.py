"""Keeping passwords, tokens and signed queries out of what people see or keep: errors, logs, cards, records.

One function decides, `without_secrets`. It works on any text and is idempotent, so that every way out may apply it.

    known values ─► percent-encoded URLs ─► URLs ─► name=value, headers ─► tokens of known forms
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

HIDDEN = "***"

#: Environment variables whose names end so hold a secret, if the value is long enough not to be a word like "yes".
SECRET_VARIABLES = ("TOKEN", "SECRET", "PASSWORD", "KEY")
LEAST_LENGTH = 8
#: Shorter parts of a URL are in many words.
LEAST_OF_URL = 4
#: Schemes in whose URLs the text before "@" is a container: abfss://container@account.dfs.core.windows.net/path.
CONTAINER_SCHEMES = ("abfs", "abfss", "wasb", "wasbs")
#: A URL may be encoded within a URL that is encoded itself.
MOST_ENCODINGS = 3
#: URLs within URLs.
MOST_NESTED = 8

_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}"
_SLASHES = r"(?:\\*/){2}"  # JSON may escape each slash
_START = re.compile(rf"{_SCHEME}:{_SLASHES}")
# In quotes a URL ends with its quote and may hold blanks; elsewhere it ends with a blank.
_URL = re.compile(
    rf"""(?P<quote>["'`])(?P<quoted>(?:{_SCHEME}::){{0,8}}{_SCHEME}:{_SLASHES}(?:(?!(?P=quote)).){{0,8000}})(?P=quote)"""
    rf"""|(?P<plain>{_SCHEME}:{_SLASHES}[^\s<>]*)""",
    re.DOTALL,
)
#: What pathlib and os.path make of a URL: one of its slashes is gone.
_ONE_SLASH = re.compile(r"\b(https?|ftps?|sftp|s3|gs|gcs|az|abfss?|wasbs?|hf|smb|webdavs?):/(?=[^/\s])", re.IGNORECASE)
_ENCODED_URL = re.compile(rf"{_SCHEME}(?:%(?:25)*3[aA])(?:%(?:25)*2[fF]){{2}}[^\s<>\"'`]*")
#: What follows a URL in a sentence, a list or JSON and is not part of it.
_TRAILING = "\"'`()[]{}.,;:!|\\"
#: The request line of a log, which has no scheme: "GET /a.mp4?sig=abc HTTP/1.1".
_PATH_QUERY = re.compile(r"(?<![\w/])(?P<path>/[^\s?\"'<>]*)(?P<query>\?[\w.~%\[\]-]+=[^\s\"<>]*)")
_LATER_QUERY = re.compile(r"(?<=\S)\?\S+")

_WORD = r"""(?<![\w])[\w.-]{0,40}?"""
_SECRET_NAME = (
    r"(?:token|secret|passw(?:or)?d|passphrase|pwd|api[-_]?key|access[-_]?key(?:[-_]?id)?|account[-_]?key|"
    r"secret[-_]?key|private[-_]?key|auth[-_]?key|shared[-_]?access[-_]?(?:key|signature)|signature|sig|credentials?)"
)
#: name=value in any text, as in a query, a command or a connection string; what says that there is no value stays.
_ASSIGNED = re.compile(
    rf"""(?P<name>{_WORD}{_SECRET_NAME}(?:["'])?\s?=\s?)(?P<quote>["']?)(?!\*\*\*|(?:None|True|False|null)\b)"""
    r"""(?P<value>(?<=")[^"\n]+|(?<=')[^'\n]+|[^\s&,;"'<>()\[\]{}]+)""",
    re.IGNORECASE,
)
#: patches_per_token=4, sig=0.049: a number is a count or a measure, but behind the name of a password, which people
#: choose.
_COUNT = re.compile(
    r"(?!.*(?:secret|passw|pwd|phrase)).*(?:token|key|signature|sig)\s?=\s?-?\d{0,12}\.?\d{1,12}[.:]?",
    re.IGNORECASE | re.DOTALL,
)
#: "name": "value" in JSON and in a dict.
_IN_DICT = re.compile(
    rf"""(?P<name>["']{_WORD}{_SECRET_NAME}\\?["']\s?:\s?b?\\?(?P<quote>["']))(?!\*\*\*)(?P<value>(?:(?!\\?(?P=quote)).)+)""",
    re.IGNORECASE,
)
#: Name: value of a header or a log line; the value has a digit, a sign or two capitals in it, which a word has not.
_HEADER = re.compile(
    rf"""(?P<name>(?i:{_WORD}(?:token|secret|passw(?:or)?d|passphrase|pwd|api[-_]?key|access[-_]?key)):\s?)(?!\*\*\*)"""
    r"""(?=[^\s,;]*[0-9_+/=!$%^&*]|[^\s,;]*[A-Z][^\s,;]*[A-Z])(?P<value>[^\s,;"'<>()]{6,})""",
)
_AUTHORIZATION = re.compile(
    r"""(?P<name>(?:proxy-)?authorization["']?\s?[:=]\s?["']?)(?!\*\*\*)(?P<value>(?:(?:Bearer|Basic|Token|Digest|"""
    r"""AWS4-HMAC-SHA256)\s+)?[^\s"'][^"'\n,]*)""",
    re.IGNORECASE,
)
# user:password@host without a scheme; mailto:anna@example.org has no password, and 12:30@lab no user.
_LOGIN = re.compile(
    r"(?:(?<=//)|(?<![\w.%+:/@*-]))(?!(?:mailto|mail|e-?mail|sip|acct|contact):)(?=[\w.%+*-]*[A-Za-z*])[\w.%+*-]{1,64}:"
    r"[^\s@/:\"'<>]{1,128}@(?=[\w\[])",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"""-----BEGIN[ A-Z]{0,30}PRIVATE\ KEY-----.*?(?:-----END[ A-Z]{0,30}PRIVATE\ KEY-----|\Z)
    | hf_[A-Za-z0-9]{30,}
    | (?<![A-Za-z0-9])(?:
        hf_(?=[A-Za-z0-9]*[A-Z0-9])[A-Za-z0-9]{8,} | hf_[A-Za-z0-9]{20,}
      | (?:AKIA|ASIA)[A-Z0-9]{12,}
      | gh[pousr]_[A-Za-z0-9]{16,} | github_pat_[A-Za-z0-9_]{16,}
      | glpat-[A-Za-z0-9_-]{12,}
      | sk-(?:[a-z0-9]{2,8}-){0,3}(?=\w*[0-9A-Z])\w{16,}
      | xox[a-z]-[A-Za-z0-9-]{10,}
      | AIza[\w-]{30,} | ya29\.[\w-]{16,}
      | eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?
      )
    | \b[Bb](?:earer|EARER)\s+(?!\*\*\*)(?=\S*[0-9A-Z_.+/=~-])[^\s"'`<>,;()]{6,}""",
    re.VERBOSE | re.DOTALL,
)
_BASIC = re.compile(r"\b[Bb](?:asic|ASIC)\s+(?P<value>[A-Za-z0-9+/_-]{4,}={0,2})(?![A-Za-z0-9])")
#: One of these is in every text that has something to hide, beside values that are known.
_SUSPECT = re.compile(
    r":/|:\\+/|%3a|%253a|=|@|key|token|secret|passw|pwd|auth|sig|cred|hf_|akia|asia|gh[pousr]_|github_|glpat|sk-|xox|"
    r"aiza|ya29|eyj|bearer|basic",
    re.IGNORECASE,
)


def without_secrets(text: str, *, url: str | None = None) -> str:
    """A text as it may be shown and kept: no password, no token, no query of a URL, which may sign it.

    Args:
        text: of one line or several.
        url: what the text is about: libraries may quote a part of it alone.

    Returns:
        The text; a text without secrets is returned as it is.

    Example:
    >>> without_secrets("GET https://anna:pw@host/a.mp4?sig=abc failed")
    'GET https://host/a.mp4 failed'
    """
    for value in (*_known_values(), *(() if url is None else _parts(url))):
        text = text.replace(value, HIDDEN)
    if not _SUSPECT.search(text):
        return text
    text = _ENCODED_URL.sub(_without_encoded, _ONE_SLASH.sub(r"\1://", text))
    if _START.search(text):
        text = "\n".join(_without_queries(line) for line in _URL.sub(_without_quoted, text).split("\n"))
    text = _PATH_QUERY.sub(_without_path_query, text)
    for pattern in (_AUTHORIZATION, _ASSIGNED, _IN_DICT, _HEADER):
        text = pattern.sub(_without_value, text)
    return _TOKEN.sub(HIDDEN, _BASIC.sub(_without_basic_login, _LOGIN.sub("", text)))


def names_secret(text: str) -> bool:
    """Whether a text says a password, a token or a login by its name: `password=...`, a header, `user:password@host`.

    A value counts from `LEAST_LENGTH` characters on, or with a digit or a sign in it: "a secret=of the trade" has none.
    Behind a colon it has a digit: "secret: Emotion-LLaMA features" is the title of a set.
    """
    if text.isalnum() or not _SUSPECT.search(text):  # each of them has a sign: most names of rows have none
        return False
    named = (found for pattern in (_AUTHORIZATION, _ASSIGNED, _IN_DICT) for found in pattern.finditer(text))
    named = (found for found in named if not _COUNT.fullmatch(found[0]))
    if any(len(found["value"]) >= LEAST_LENGTH or not found["value"].isalpha() for found in named):
        return True
    if any(re.search(r"\d", found["value"]) for found in _HEADER.finditer(text)):
        return True
    logins = (found[0].rpartition("@")[0].partition(":")[2] for found in _LOGIN.finditer(text))
    if any(len(password) >= LEAST_OF_URL for password in logins) or _TOKEN.search(text):
        return True
    return _BASIC.sub(_without_basic_login, text) != text


def lost_slash(path: str) -> bool:
    """Whether a path is what pathlib makes of a URL, whose query and login are no part of a file's name."""
    return _ONE_SLASH.match(path) is not None


def public_url(url: str) -> str:
    """A URL, or a chain of them, as it may be shown: scheme, host and path.

    >>> public_url("zip://a.mp4::https://anna:pw@host:80/x.zip?sig=abc#1")
    'zip://a.mp4::https://host:80/x.zip'
    """
    links = re.split(rf"(?<=::)(?={_SCHEME}:{_SLASHES})", url)
    return "".join(_public_link(link) for link in links)


def without_secrets_inside(value: Any) -> Any:
    """A JSON-able value with `without_secrets` applied to every text in it, keys included."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {without_secrets_inside(key): without_secrets_inside(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_secrets_inside(one) for one in value)
    return value


def _public_link(link: str) -> str:
    shown = ""
    for _ in range(MOST_NESTED):
        start = _START.search(link)
        if start is None:
            return shown + link
        shown += link[: start.end()]
        link = _without_login_and_query(start[0], link[start.end() :])
        inner = _START.search(link)  # an archive of pages: https://archive.example/https://anna:pw@host/
        if inner is None:
            return shown + link
        shown, link = shown + link[: inner.start()], link[inner.start() :]
    return shown + HIDDEN


def _without_login_and_query(scheme: str, rest: str) -> str:
    chained = "::" if rest.endswith("::") else ""
    rest = rest.removesuffix("::")
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    user, colon, after = authority.partition(":")
    # A password may hold "/", "?" or "#": what follows the colon is no port then, and "@" comes later.
    if colon and "@" in rest and "@" not in authority and "[" not in authority and not after.isdigit() and user:
        authority = rest[: rest.rindex("@") + 1]
    login, at, _ = authority.rpartition("@")
    container = scheme.partition(":")[0].lower() in CONTAINER_SCHEMES and ":" not in login
    if at and not container:
        rest = rest[len(login) + 1 :]
    return re.split(r"[?#]", rest, maxsplit=1)[0] + chained


def _without_quoted(found: re.Match[str]) -> str:
    if found["quoted"] is not None:
        return found["quote"] + public_url(found["quoted"]) + found["quote"]
    url = found["plain"].rstrip(_TRAILING)
    return public_url(url) + found["plain"][len(url) :]


def _without_path_query(found: re.Match[str]) -> str:
    return found["path"] + found["query"][len(found["query"].rstrip(_TRAILING)) :]


def _without_queries(line: str) -> str:
    """A line without the query of a URL that has blanks in its path, which ends at the first blank otherwise."""
    start = _START.search(line)
    if start is None:
        return line
    return line[: start.end()] + _LATER_QUERY.sub("", line[start.end() :])


def _without_encoded(found: re.Match[str]) -> str:
    decoded, encodings = found[0], 0
    while encodings < MOST_ENCODINGS and not _START.match(decoded):
        decoded, encodings = unquote(decoded), encodings + 1
    clean = without_secrets(decoded)
    if clean == decoded:
        return found[0]
    for _ in range(encodings):
        clean = quote(clean, safe="*")
    return clean


def _without_value(found: re.Match[str]) -> str:
    if _COUNT.fullmatch(found[0]):
        return found[0]
    return found[0][: found.start("value") - found.start()] + HIDDEN


def _without_basic_login(found: re.Match[str]) -> str:
    """Basic and a base64 of user:password, which "Basic research" is not."""
    value = found["value"]
    try:
        login = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_" if set("-_") & set(value) else None)
    except ValueError:
        return found[0]
    return HIDDEN if b":" in login and login.isascii() else found[0]


def _parts(url: str) -> list[str]:
    """User, password and the values of the query of each link of a URL, as they are and decoded, the longest first."""
    links = re.split(rf"::(?={_SCHEME}:{_SLASHES})", url)
    logins = [part for link in links for part in link.rpartition("@")[0].partition("://")[2].partition(":")[::2]]
    values = [part.rpartition("=")[2] for query in re.split(r"[?#]", url)[1:] for part in re.split("[&;]|::", query)]
    found = {*logins, *values, *map(unquote, (*logins, *values))}
    return sorted((part for part in found if len(part) >= LEAST_OF_URL), key=len, reverse=True)


def _known_values() -> list[str]:
    """Secrets of this process: of its environment, and the token that huggingface_hub uses, if it is loaded."""
    variables = ((name.upper(), value) for name, value in os.environ.items() if len(value) >= LEAST_LENGTH)
    values = [value for name, value in variables if name.endswith(SECRET_VARIABLES)]
    try:
        token = sys.modules["huggingface_hub"].get_token()
    except (KeyError, AttributeError, OSError):  # not loaded, being loaded, or its file may not be read
        token = None
    return list(_forms(tuple(sorted({*values, *([token] if token else [])}, key=len, reverse=True))))


@lru_cache(maxsize=8)
def _forms(values: tuple[str, ...]) -> tuple[str, ...]:
    """Each value as it is, as in a URL, and as in the text of a literal."""
    return tuple(
        dict.fromkeys(
            form for value in values for form in (value, quote(value, safe=""), quote(value), repr(value)[1:-1]) if form
        )
    )
