"""Pictures and recordings written as text are found, and what people and programs write is none."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import pickle
import uuid
import zipfile
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emollama_hf.frames.demo_clips import astronaut
from emollama_hf.privacy.encoded_texts import find_encoded
from emollama_hf.privacy.local_paths import find_local_path
from emollama_hf.privacy.secret_texts import find_secret
from tests.sharing.media import pictures

FACE = np.ascontiguousarray(astronaut()[:64, 96:160])
PICTURES = dict(pictures())


def contents() -> dict[str, bytes]:
    """A face as bytes, in forms that have a header and in forms that have none."""
    array, packed = io.BytesIO(), io.BytesIO()
    np.save(array, FACE[..., 0].astype(float))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("face.jpg", PICTURES["JPEG"])
    return {
        **PICTURES, "raw": FACE.tobytes(), "npy": array.getvalue(), "zip": packed.getvalue(),
        "gz": gzip.compress(PICTURES["JPEG"]), "pickle": pickle.dumps(FACE),
        "ppm": b"P6 64 64 255\n" + FACE.tobytes(), "heic": b"\0\0\0\x18ftypheim\0\0\0\0mif1heim" + FACE.tobytes(),
    }  # fmt: skip


def written(data: bytes) -> dict[str, str]:
    """The ways in which bytes are written as text."""
    text, lines = base64.b64encode(data).decode(), base64.encodebytes(data).decode()
    return {
        "base64": text, "urlsafe": base64.urlsafe_b64encode(data).decode(), "lines": lines,
        "spaces": " ".join(text[at : at + 64] for at in range(0, len(text), 64)),
        "JSON lines": json.dumps({"i": lines}),
        "JSON slashes": json.dumps({"i": text}).replace("/", "\\/"), "URL": quote(text, safe=""),
        "data URI": f"<img src='data:image/jpeg;base64,{text}'/>",
        "hexadecimal": data.hex(), "upper": data.hex().upper(),
        "hex bytes": data.hex(" "), "escapes": "".join(f"\\x{one:02x}" for one in data),
        "pixels": " ".join(map(str, data)), "JSON pixels": json.dumps([list(data)]),
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(contents()))
def test_a_picture_is_found_however_it_is_written(kind: str) -> None:
    data = contents()[kind]
    for form, text in written(data).items():
        if form == "escapes" and kind not in PICTURES:
            continue  # escapes say what the bytes are; without a header that is text of any kind
        assert find_encoded(text), form
        assert find_encoded(f"a note, then {text}"), form


def test_letters_of_latin_1_and_a_repr_are_found() -> None:
    assert find_encoded(PICTURES["JPEG"].decode("latin-1")) == "JPEG picture"
    assert find_encoded(repr(PICTURES["JPEG"])) == "JPEG picture"


def test_short_pieces_are_found_from_a_length_on() -> None:
    data = np.random.default_rng(0).bytes(90)
    assert find_encoded(base64.b64encode(data).decode()) == "bytes in base64"
    assert find_encoded(base64.b64encode(data[:64]).decode()) is None, "as long as a digest"


NAMES = st.sampled_from(
    ["Mind wandering", "P12", "NonMW", "https://x.org/a/b?page=2", "s3://bucket/Data/train-00012.parquet"]
)
PROSE = st.lists(
    st.one_of(
        NAMES,
        st.text("abcdefghijklmnopqrstuvwxyzäöüßé", min_size=1, max_size=14),
        st.text("абвгдежзиклмн", min_size=1, max_size=12),
        st.sampled_from(["and/or", "1/2", "3:1", "50 %", "(n = 130)", "10.1109/TAFFC.2023.3282915", "12/31/2026"]),
        st.dates().map(str),
        st.datetimes().map(str),
        st.integers().map(str),
        st.floats(-1e6, 1e6).map(str),
        st.uuids().map(str),
        st.binary(min_size=32, max_size=32).map(lambda data: hashlib.sha256(data).hexdigest()),
        st.sampled_from(["Donaudampfschifffahrtsgesellschaft2", "emollama_hf.privacy.scan", "CamelCaseNames2"]),
    ),
    max_size=40,
)  # fmt: skip


@given(PROSE, st.sampled_from([" ", ", ", "; ", "\n", " - "]))
@example(4 * ["Donaudampfschifffahrtsgesellschaft2"], " ")
@example(4 * ["Donaudampfschifffahrtsgesellschaft2"], "\n")
@example(2 * ["f728b4fa-4248-5e3a-0a5d-2f346baa9455", "Donaudampfschifffahrtsgesellschaft2"], " ")
def test_prose_numbers_and_identifiers_are_nothing(words: list[str], between: str) -> None:
    text = between.join(words)
    for one in (text, json.dumps({"a": text}), f"'{text}'", f"({text}).", quote(text)):
        assert find_encoded(one) is None, one
        assert find_local_path(one) is None, one
        assert find_secret(one) is None, one


def test_lists_of_digests_and_of_measurements_are_nothing() -> None:
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(50)]
    assert find_encoded("\n".join(f"{digest}  file {n}" for n, digest in enumerate(digests))) is None
    assert find_encoded(", ".join(str(uuid.UUID(int=n)) for n in range(50))) is None
    assert find_encoded(json.dumps(np.random.default_rng(1).standard_normal(500).tolist())) is None
    assert find_encoded(json.dumps(list(range(1000, 1300)))) is None
