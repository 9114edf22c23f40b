"""Tokens, passwords and signatures within a text that is about to be published."""

from __future__ import annotations

import re

from emollama_hf.privacy.text_readings import readings
from emollama_hf.text.secrets import names_secret

#: Names of parts of a query or fragment that open something, whatever stands before and behind them; and names that do
#: so within a URL, and are words elsewhere.
_SIGNED = (
    r"[\w.-]*(?:signature|credential|token|jwt|api[-_]?key|auth[-_]?key|account[-_]?key|rl[-_]?key|resource[-_]?key|"
    r"password|passwd|pwd|secret|session[-_]?id|hmac)[\w.-]*|AWSAccessKeyId|GoogleAccessId"
)
_SIGNED_IN_URL = r"[\w.-]*policy[\w.-]*|sig|auth|key|code|md5"
#: What each expression finds, in words; none of them matches a word, a path, a hash or an identifier of a row.
_SECRETS = {
    "access token": re.compile(
        r"\b(?:hf_|hf_oauth_|api_org_|npm_|pypi-|dckr_pat_)[\w-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20,}"
        r"|\bxox[abeoprs]-[\w-]{10,}|\bsk-(?:[a-z0-9]{2,8}-){0,3}(?=\w*\d)\w{16,}|\bAIza[\w-]{35}"
        r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*|\bBearer\s+(?=\S*\d)[\w.~+/-]{16,}"
    ),
    "access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    # A password may have slashes; a port has none before "@".
    "password in a URL": re.compile(
        r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/@:?#'\"<>]{0,200}:(?!\d{1,5}[/?#])[^\s@'\"<>]{1,200}@"
        r"|https?://[\w%.~-]{12,200}@|https?://hooks\.slack\.com/services/\w"
    ),
    "signed query of a URL": re.compile(
        rf"(?i)[?&;#](?:{_SIGNED})=[^&\s#'\"<>]{{3,}}|://\S{{0,4000}}[?&;#](?:{_SIGNED_IN_URL})=[^&\s#'\"<>]{{3,}}"
    ),
}
#: What every secret has; most texts have none of it.
_HINT = re.compile(
    r"hf_|api_org_|npm_|pypi-|dckr_|gh[pousr]_|github_pat_|glpat-|xox|sk-|AIza|eyJ|Bearer|AKIA|ASIA|-----BEGIN|://|[?&;#]"
)


def find_secret(text: str) -> str | None:
    """What kind of secret a text holds, without the secret; None if it holds none.

    Example:
        >>> find_secret("https://host/a.mp4?X-Amz-Signature=deadbeef")
        'signed query of a URL'
    """
    for reading in readings(text):
        if _HINT.search(reading):
            for kind, expression in _SECRETS.items():
                if expression.search(reading):
                    return kind
        if names_secret(reading):
            return "password, token or login by its name"
    return None
