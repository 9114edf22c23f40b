"""Tokens, passwords and signatures are found in any text, and ordinary texts have none."""

from __future__ import annotations

import base64
import json
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.privacy.secret_texts import find_secret


def letters(alphabet: str, size: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=size, max_size=size)


WORD = st.text(string.ascii_letters + string.digits, min_size=6, max_size=40)
SECRETS = st.one_of(
    letters(string.ascii_letters + string.digits, 34).map(lambda text: f"hf_{text}"),
    letters(string.ascii_uppercase + string.digits, 16).map(lambda text: f"AKIA{text}"),
    letters(string.ascii_letters + string.digits, 36).map(lambda text: f"ghp_{text}"),
    WORD.map(lambda text: f"https://storage.host/a.mp4?X-Amz-Date=1&X-Amz-Signature={text}"),
    WORD.map(lambda text: f"https://host/a.mp4?sig={text}&se=2026"),
    WORD.map(lambda text: f"https://host/a?page=2&token={text}"),
    WORD.map(lambda text: f"https://jane:{text}@host/a"),
    WORD.map(lambda text: f"simplecache::https://jane:{text}@host:8080/a"),
    WORD.map(
        lambda text: "eyJ" + base64.urlsafe_b64encode(text.encode() * 4).decode().strip("=") + f".eyJ{text * 2}.x"
    ),
    st.just("-----BEGIN OPENSSH PRIVATE KEY-----"),
    WORD.map(lambda text: f"password={text}1"),
    WORD.map(lambda text: f"WANDB_API_KEY=k{text}1"),
    WORD.map(lambda text: f"https://{text}{text}@host/"),
    WORD.map(lambda text: f"https://jane:a/{text}@host/"),
    WORD.map(lambda text: "Authorization: Basic " + base64.b64encode(f"jane:{text}".encode()).decode()),
    WORD.map(lambda text: f"hf_\u200b{text * 4}1"),
)


@given(SECRETS, st.text(max_size=30))
def test_a_secret_is_found_in_any_text(secret: str, around: str) -> None:
    for form in (secret, f"{around} {secret} {around}", json.dumps({"a": secret}), quote(secret, safe="")):
        found = find_secret(form)
        assert found, form
        assert secret not in found


OTHERS = [
    "hf_datasets_cache", "hf://datasets/org/name@main", "https://x.org/a?page=2&sort=key", "https://host:8080/@jane/a",
    "MW", "NonMW", "P12", "2026-11-29T14:20:03", "16:9", "jane@example.org", "token: one word of a text",
    "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "a secret=of the trade", "sk-learn",
    "Bearer of good news", "the password is not here", "x?y:z@a", "https://doi.org/10.1109/TAFFC.2023.3282915",
    "p sig=0.049", "token=3", "?key=left", "sk-learn-classifier-baseline-V2", "A&B;code=blue",
    "# secret: Emotion-LLaMA features", "tokens=12 of 20",
    "scikit-learn-and-other-things-of-python", "std::vector", "AKIA", "mailto:jane@example.org", "eyJ.eyJ.x",
]  # fmt: skip


@pytest.mark.parametrize("text", OTHERS)
def test_ordinary_texts_have_no_secret(text: str) -> None:
    assert find_secret(text) is None
