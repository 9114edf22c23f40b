"""How rows are named: hashed once, with the secret that they were hashed with, and each by a name of its own."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from datasets import Features, Value

from emollama_hf import ShareError
from emollama_hf.sharing.row_names import choose_names, forgotten_name, hash_name, unique
from emollama_hf.store.manifest import RowKey

TEXTS = Features({"file_name": Value("string"), "uuid": Value("string"), "n": Value("int64"), "x": Value("float32")})
PLAIN, HASHED, SECRET = RowKey("uuid"), RowKey("uuid", "sha256"), RowKey("uuid", "hmac-sha256")


def test_a_hash_is_that_of_the_name_and_with_a_secret_nobody_elses() -> None:
    assert hash_name("u1") == hashlib.sha256(b"u1").hexdigest()[:32]
    assert hash_name("u1", b"lab") == hmac.new(b"lab", b"u1", "sha256").hexdigest()[:32]
    assert forgotten_name("u1") == hashlib.sha256(b"u1").hexdigest()[:16]


@pytest.mark.parametrize(
    ("options", "key", "shown"),
    [
        ({}, PLAIN, "u1"),
        ({"key": "file_name"}, RowKey("file_name"), "u1"),
        ({"key": "n"}, RowKey("n"), "u1"),
        ({"hash_keys": True}, HASHED, hash_name("u1")),
        ({"secret": b"lab"}, SECRET, hash_name("u1", b"lab")),
        ({"hash_keys": True, "secret": b"lab"}, SECRET, hash_name("u1", b"lab")),
        ({"source": HASHED}, HASHED, "u1"),
        ({"source": SECRET, "secret": b"other"}, SECRET, "u1"),
        ({"source": RowKey("file_name", "sha256"), "key": "uuid"}, PLAIN, "u1"),
        ({"source": PLAIN, "hash_keys": True}, HASHED, hash_name("u1")),
        ({"published": PLAIN}, PLAIN, "u1"),
        ({"published": HASHED}, HASHED, hash_name("u1")),
        ({"published": HASHED, "source": HASHED}, HASHED, "u1"),
        ({"published": SECRET, "secret": b"lab"}, SECRET, hash_name("u1", b"lab")),
        ({"published": RowKey("file_name")}, RowKey("file_name"), "u1"),
    ],
)
def test_names_are_hashed_as_it_is_wished_or_as_they_were_and_never_twice(
    options: dict[str, Any], key: RowKey, shown: str
) -> None:
    names = choose_names(TEXTS, **options)
    assert names.key == key
    assert names.published("u1") == shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "x"}, "column 'x' cannot name rows; columns of text or whole numbers are file_name, uuid, n"),
        ({"published": SECRET}, r"named by uuid, hashed with hmac-sha256, these would be by uuid\. Pass"),
        ({"published": SECRET, "hash_keys": True}, "hmac-sha256, these would be by uuid, hashed with sha256"),
        ({"published": HASHED, "secret": b"lab"}, "sha256, these would be by uuid, hashed with hmac-sha256"),
        ({"published": PLAIN, "hash_keys": True}, "named by uuid, these would be by uuid, hashed with sha256"),
        ({"published": PLAIN, "key": "file_name"}, "named by uuid, these would be by file_name"),
    ],
)
def test_names_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ShareError, match=message):
        choose_names(TEXTS, **options)


@pytest.mark.parametrize(
    ("names", "message"),
    [(["a", None], "row 1: uuid is empty"), (["", "a"], "row 0: uuid is empty"), (["a", "b", "a"], "rows 0 and 2 are")],
)
def test_every_row_has_a_name_of_its_own(names: list[str | None], message: str) -> None:
    with pytest.raises(ShareError, match=message):
        unique(names, "uuid", "Mend it.")
    unique(["a", "b", "A", " a"], "uuid", "Mend it.")
