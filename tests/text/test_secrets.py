"""A secret in any of the forms of a URL, a header, a query or a chain of URLs never survives; ordinary texts do."""

from __future__ import annotations

import base64
import json
import pickle
import time
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emollama_hf.console.safe_errors import no_secrets, traceback_text, without_secrets_in_error
from emollama_hf.engines.sendable import sendable
from emollama_hf.errors import ClipError, ModelError, ShareError, SourceError, StoreError
from emollama_hf.feature_set.export_npy import ExportError
from emollama_hf.feature_set.manifest import ManifestError
from emollama_hf.feature_set.shrinking import ExistingRowsError
from emollama_hf.text.secrets import public_url, without_secrets, without_secrets_inside

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#: Not a part of anything else in a text, so that finding it means that it is there.
MARK = "q7Z"

secrets = st.text(LETTERS, min_size=8, max_size=40).map(lambda text: MARK + text)
odd_secrets = st.text(LETTERS + "-_.~+/=%:!$()*;,'@#?", max_size=20).map(lambda text: MARK + text + MARK)
hosts = st.sampled_from(
    ["host", "127.0.0.1:8080", "[::1]:80", "bucket", "s3.eu-central-1.amazonaws.com", "müller.example"]
)
schemes = st.sampled_from(["http", "https", "s3", "ftp", "sftp", "gs", "smb", "hf", "unknown+scheme"])
paths = st.sampled_from(["", "/", "/a.mp4", "/Anna%20Schmidt/a.mp4", "/a/b.c/d.mp4", "/@home/a.mp4"])
names = st.sampled_from(
    ["X-Amz-Signature", "sig", "token", "access_token", "Signature", "id", "x", "password", "api_key", "se=1&sig"]
)


@st.composite
def secret_urls(draw: st.DrawFn) -> tuple[str, str]:
    """(a URL that holds a secret, the secret)."""
    scheme, host, path, secret = draw(schemes), draw(hosts), draw(paths), draw(secrets)
    form = draw(st.sampled_from(["query", "password", "user", "odd query", "odd password", "fragment"]))
    if form.startswith("odd"):
        secret = draw(odd_secrets)
    if form.endswith("query"):
        return f"{scheme}://{host}{path}?id=1&{draw(names)}={secret}&z=2", secret
    if form == "fragment":
        return f"{scheme}://{host}{path}#access_token={secret}", secret
    if form == "user":
        return f"{scheme}://{secret}@{host}{path}", secret
    return f"{scheme}://anna:{secret}@{host}{path}", secret


@st.composite
def links(draw: st.DrawFn) -> tuple[str, str]:
    """A URL, or a chain of several, as it is or encoded."""
    url, secret = draw(secret_urls())
    chained = draw(st.sampled_from(["", "simplecache::", "zip://a.mp4::", "zip://*.mp4::filecache::", "file:///x::"]))
    url = chained + url
    return draw(
        st.sampled_from(
            [
                (url, secret),
                (quote(url, safe=""), quote(secret, safe="")),
                (quote(quote(url, safe=""), safe=""), quote(quote(secret, safe=""), safe="")),
            ]
        )
    )


@st.composite
def sentences(draw: st.DrawFn) -> tuple[str, str]:
    """A text with a URL as messages of libraries have it."""
    url, secret = draw(links())
    around = draw(
        st.sampled_from(
            [
                "cannot open {url}", "{url}", "'{url}': no such file", '"{url}" failed', "(see <{url}>)",
                "GET {url} HTTP/1.1",
                "first line\n{url}\nlast line", "`{url}`", "url={url}", "[Errno 2] No such file: ({url}). Check",
                "ClientResponseError(403, message='Forbidden', url='{url}')", "{url} {url}",
            ]
        )
    )  # fmt: skip
    if any(quote_ in url for quote_ in "'\"`"):
        around = "cannot open {url}"
    return around.format(url=url), secret


@given(secret=secrets, user=secrets)
def test_a_part_of_the_url_that_a_text_is_about_is_hidden(secret: str, user: str) -> None:
    login = f"{user}:{secret}@h"
    for url in (f"s3://{login}/a.mp4", f"http://h/a?x={secret}&y={user}", f"zip://a::ftp://{login}?x=1"):
        clean = without_secrets(f"login of {user} with {secret} failed at line 3", url=url)
        assert secret not in clean
        assert user not in clean
        assert "failed at line 3" in clean


def hidden(text: str, secret: str) -> None:
    assert secret not in text
    if secret.startswith(MARK):
        assert MARK not in text


@given(sentences())
@example(("zip://a::https://u:q7Zpassword@h", "q7Zpassword"))
@example(("http://anna:q7Zp/w?d#@host/a.mp4 failed", "q7Zp/w?d#"))
@example(("https://archive.example/https://u:q7Zpw@h/x", "q7Zpw"))
def test_no_secret_of_a_url_survives(found: tuple[str, str]) -> None:
    text, secret = found
    clean = without_secrets(text)
    hidden(clean, secret)
    assert without_secrets(clean) == clean


@given(secret_urls())
def test_no_secret_of_a_url_with_blanks_survives_in_quotes_or_in_its_line(found: tuple[str, str]) -> None:
    url, secret = found
    if "'" in secret or "?" not in url or "@" in url.partition("?")[2]:
        return
    url = url.replace("?", "/my clip.mp4?", 1)
    hidden(without_secrets(f"cannot open '{url}' now"), secret)
    if " " not in secret:
        hidden(without_secrets(f"cannot open {url} now"), secret)


@given(secret_urls())
def test_no_secret_survives_in_json_or_a_literal(found: tuple[str, str]) -> None:
    url, secret = found
    for text in (json.dumps({"url": url, "n": 1}), json.dumps({"url": url}).replace("/", "\\/"), repr({"url": url})):
        hidden(without_secrets(text), secret)
    hidden(json.dumps(without_secrets_inside({"a": [url, {url: 1}]})), secret)
    hidden(public_url(url), secret)


TOKENS = {
    "hf_{}": 34, "AKIA{}": 16, "ASIA{}": 16, "ghp_{}": 36, "github_pat_{}": 40, "glpat-{}": 20, "sk-{}": 40,
    "sk-proj-{}": 40, "xoxb-{}": 30, "AIza{}": 35, "eyJhbGciOi.{}.x": 30,
}  # fmt: skip


@pytest.mark.parametrize("form", TOKENS)
@given(st.data())
def test_no_token_survives_wherever_it_stands(form: str, data: st.DataObject) -> None:
    letters = LETTERS[26:] if form.startswith("A") else LETTERS
    count = TOKENS[form] - 2
    core = data.draw(st.text(letters, min_size=count, max_size=count)) + "Q7"
    token = form.format(core)
    around = data.draw(
        st.sampled_from(["{}", "token {} is invalid", "http://host/{}/a.mp4", "/home/{}/a.mp4", "x={}&y", "'{}'"])
    )
    assert core not in without_secrets(around.format(token))


@pytest.mark.parametrize(
    "form",
    [
        "Authorization: Bearer {}", "{{'Authorization': 'Bearer {}'}}", "authorization={}", "Authorization: Basic {}",
        "Bearer {}", "token={}", "password={}", "secret={}", "api_key={}", "--api-key={}", "HF_TOKEN={}",
        "aws_secret_access_key = {}",
        '{{"access_token": "{}"}}', "{{'password': '{}'}}", '{{\\"client_secret\\": \\"{}\\"}}', "a.mp4?sig={}&x=1",
        "GET /a.mp4?id=1&x={} HTTP/1.1",
        "AccountKey={};EndpointSuffix=core.windows.net", "SharedAccessSignature=sv=1&sig={}", "anna:{}@nas.local",
        'Invalid bucket name "AKIASECRETSECRET1234:{}@bucket"',
        "//anna:{}@host/a.mp4", "X-Api-Key: {}", "password: {}",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    ],
)  # fmt: skip
@given(secret=secrets)
def test_no_value_that_is_named_a_secret_survives(form: str, secret: str) -> None:
    clean = without_secrets(f"request failed: {form.format(secret)}")
    assert secret not in clean
    assert without_secrets(clean) == clean


def test_a_login_in_base64_is_hidden_and_basic_research_is_not() -> None:
    login = base64.b64encode(b"anna:password").decode()
    assert login not in without_secrets(f"sent Basic {login}")
    assert without_secrets("Basic Research of basic emotions") == "Basic Research of basic emotions"


@given(value=st.text(LETTERS + "+/=- $%", min_size=8, max_size=30).filter(lambda text: text == text.strip()))
def test_values_of_secret_variables_are_known(value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_PASSWORD", value)
        for text in (f"got {value} here", f"x/{quote(value, safe='')}/y"):
            assert value not in without_secrets(text) or value in "got  here x/ /y ***"
            assert quote(value, safe="") not in without_secrets(text)


WORDS = st.sampled_from(
    [
        "a", "clip", "Schmidt", "12:30", "1:2", "16:9", "and/or", "10.1000/182", "2026-11-29T14:00:00Z",
        "anna@example.org",
        "mailto:anna@example.org", "https://example.org/a/b.html", "s3://bucket/a.mp4", "http://127.0.0.1:8080/x",
        "hf://datasets/org/name@main/a.parquet", "/home/x/a.mp4", "C:\\clips\\a.mp4", "10::30.mp4", "zip://a.mp4::x.zip",
        "x=1", "batch_size=16", "token", "tokens=309", "key:", "secret", "password", "the class token: 1024", "50%",
        "risk-taking", "ask-me-anything", "hf_transfer", "Basic", "Bearer", "basic", "signature:", "abc123",
        "e3b0c44298fc1c14",
        "abfss://container@account.dfs.core.windows.net/a", "what?", "(x)", "'quoted'", "naïve", "表情", "NaN",
        "--key-secret",
        "pad_token=None", "auto:", "uuid:", "a:b", "user:", "python:3.11",
    ]
)  # fmt: skip


@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    if "Bearer " in text or "Basic " in text or ("http" in text and "?" in text) or ("s3:" in text and "?" in text):
        return  # what follows would be the value, or a query
    assert without_secrets(text) == text


def test_long_texts_take_no_time() -> None:
    for text in ("x" * 500_000, "a:" * 200_000, "'http://" * 20_000, "token" * 80_000, "=" * 400_000, "?a" * 200_000,
                 "https%3A%2F%2F" * 20_000, "a-" * 200_000, "-----BEGIN " * 30_000, "a.b@" * 100_000):  # fmt: skip
        started = time.perf_counter()
        without_secrets(text)
        assert time.perf_counter() - started < 10


URL = "https://anna:q7Zpassword@host/a.mp4?sig=q7Zsignature"


@pytest.mark.parametrize(
    "make",
    [
        ModelError, SourceError, StoreError, ShareError, ManifestError, ExportError, ExistingRowsError,
        lambda message: ClipError("missing_file", message),
    ],
)  # fmt: skip
def test_no_error_of_the_package_holds_a_secret_or_moves_the_cursor(make: type[Exception]) -> None:
    error = make(f"cannot open {URL} \x1b[31m\udcff\u202e")
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert type(one) is type(error)
        assert str(one) == r"cannot open https://host/a.mp4 \x1b[31m\udcff\u202e"
        assert MARK not in repr(one)


class Strange(Exception):
    """An error of a library that makes its text of something that cannot be changed."""

    def __init__(self) -> None:
        super().__init__()
        self._request = type("Request", (), {"__repr__": lambda self: URL})()

    def __str__(self) -> str:
        return f"403 of {self._request!r}"


def chain(raised: BaseException, cause: BaseException) -> None:
    try:
        try:
            raise cause
        except BaseException as handled:
            raise raised from handled
    except BaseException:
        raise OSError(2, "No such file", URL)  # noqa: B904


def everything(error: BaseException) -> str:
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and one not in seen:
            seen.append(one)
            todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    texts = [f"{one} {one!r} {one.args} {vars(one)} {getattr(one, 'filename', '')}" for one in seen]
    return " ".join([*texts, *traceback.format_exception(error)])


@pytest.mark.parametrize("cause", [Strange(), KeyError(URL), ExceptionGroup(URL, [ValueError(URL), Strange()])])
def test_no_error_leaves_a_public_function_with_a_secret(cause: BaseException) -> None:
    with pytest.raises(FileNotFoundError) as caught, no_secrets():
        chain(RuntimeError(f"cannot open {URL}"), cause)
    assert MARK not in everything(caught.value)
    assert "host/a.mp4" in everything(caught.value)
    assert "def chain" not in traceback_text(caught.value)
    assert "in chain" in traceback_text(caught.value), "the traceback is kept"
    assert MARK not in everything(sendable(cause))


def test_an_error_without_secrets_leaves_as_it_is() -> None:
    error = ValueError("nothing to hide", 3)
    error.__cause__ = KeyError("a")
    cause = error.__cause__
    assert without_secrets_in_error(error) is error
    assert error.__cause__ is cause
    assert error.args == ("nothing to hide", 3)
    error.__context__ = error  # a circle
    assert without_secrets_in_error(error) is error


def test_a_token_that_cannot_be_read_is_no_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("huggingface_hub.get_token", refuse)
    assert without_secrets("cannot open https://anna:pw@host/a") == "cannot open https://host/a"


@pytest.mark.parametrize("scheme", ["https", "http", "s3", "ftp"])
def test_a_url_that_lost_a_slash_is_one(scheme: str) -> None:
    told = without_secrets(f"nothing at {Path(f'{scheme}://anna:passw0rd@host.invalid/a.mp4?Policy=SECRETPOL')}")
    assert "passw0rd" not in told
    assert "SECRETPOL" not in told


@given(st.integers(-(10**11), 10**11), st.sampled_from(["patches_per_token", "bytes_per_api_key", "n_signature"]))
def test_a_count_is_no_secret_and_the_number_of_a_password_is(number: int, name: str) -> None:
    text = f"config.json: {name}={number}, expected a whole number"
    assert without_secrets(text) == text
    assert without_secrets(f"password={number}") == "password=***"
    assert without_secrets(f"secret_key={number}") == "secret_key=***"
    assert without_secrets(f"{name}={number}abc") == f"{name}=***"
