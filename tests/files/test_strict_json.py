"""JSON from elsewhere: plain objects of bounded size, or a sentence of what is odd about it."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.files.small_file import TEXT_BYTES
from emollama_hf.files.strict_json import parse_object, read_object

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(content=st.dictionaries(st.text(), PLAIN, max_size=5))
def test_a_plain_object_is_read_as_json_reads_it(content: dict[str, Any]) -> None:
    text = json.dumps(content)
    assert parse_object(text.encode()) == content
    assert parse_object(b"\xef\xbb\xbf" + text.encode()) == content  # the mark that some editors put first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b"[1]", "a list, expected an object"),
        (b"null", "a NoneType, expected an object"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1, "a": 2}', "a is named twice"),
        (b'{"a": null, "a": 2}', "a is named twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"a":' * 200_000, "nested deeper"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": 1', "Expecting"),
        (b'{"a": 1} {', "Extra data"),
    ],
)
def test_odd_json_is_a_short_error(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        parse_object(content)
    assert len(str(error.value)) < 200


@given(content=st.binary(max_size=60) | st.text(alphabet='{}[]":,01eN \\u"', max_size=60).map(str.encode))
def test_anything_else_is_an_object_or_a_value_error(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_object(content), dict)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"{}")
    os.truncate(path, 2**40)
    with pytest.raises(ValueError, match=f"expected at most {TEXT_BYTES:,}"):
        read_object(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(ValueError, match="a pipe, expected a file"):
        read_object(tmp_path / "config.json")
