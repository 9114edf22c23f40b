"""Absolute paths are found in any text, and what only looks like one is not."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.privacy.local_paths import find_local_path

PATHS = [
    "/home/lab/clips/P12.mp4",
    "/Users/jane/Movies/take 1.mov",
    "/mnt/share/x",
    "/data.mp4",
    "/Größe/ä.mp4",
    "/.cache/huggingface",
    "~/clips/a.mp4",
    "~jane/clips",
    "file:///home/lab/a.mp4",
    "C:\\Users\\jane\\a.mp4",
    "D:/clips/a.mp4",
    "\\\\server\\share\\a.mp4",
    "/cygdrive/c/Users/jane",
    "$HOME/clips",
    "%USERPROFILE%\\clips",
    "\\\\wsl$\\Ubuntu\\home\\jane",
    "\\\\?\\C:\\Users\\jane",
    "smb://nas/jane",
    "sftp://jane@nas/clips",
    "file://nas/home/jane",
    "/2021/jane/clip",
    "/12_jane/clip",
    "/(jane)/clip",
    "/-jane/clip",
    "/@jane/clip",
    "/../home/jane",
    "hdfs://node/user/jane/clips",
    "http://localhost:8888/files/home/jane/x",
    "http://192.168.1.5/home/jane/x",
    "$LAB_HOME/jane",
    "$env:USERPROFILE\\jane",
    "%ONEDRIVE%\\jane",
    "/\u200bhome/\u200bjane/a",
    "\u2215home\u2215jane\u2215a",
    "\u2044home\u2044jane\u2044a",
]
#: What stands before a path, or around it, and hides it from a look at words.
AROUND = [
    "jane@nas:{}",
    "zip://a.mp4::{}",
    "simplecache::zip://x::{}",
    "</{}>",
    "<{}>",
    "[{}]",
    "a+{}",
    "-i{}",
    "in{}",
    "clip:{}",
    "\u00a0{}",
    "x={}",
    "a,{}",
    "a;{}",
    "a|{}",
    "https://x.org/?file={}",
    "see https://x.org: {}",
    "\u202f{}",
    "`{}`",
]
OTHERS = [
    "https://example.org/a/b.html",
    "s3://bucket/path/data/train.parquet",
    "hf://datasets/org/name/data",
    "memory://a/b",
    "and/or",
    "he/she/they",
    "km/h",
    "3/4",
    "12/31/2026",
    "1 / 2",
    "clips/a.mp4",
    "./a/b",
    "../a/b",
    "video/mp4",
    "<video><VideoHere></video> <feature><FeatureHere></feature> [emotion] Please determine",
    "org/name",
    "a:b",
    "10:30",
    "x = a // b",
    "TCP/IP",
    "data/train-00000-abc.parquet",
    "n/a",
    "\\n and \\t",
    "https://example.org/home/users/index.html",
    "https://doi.org/10.1000/home/users.12",
    "10.1109/TAFFC.2023.3282915",
    "see https://x.org/a/b?page=2&sort=a/b (or http://y.org/Users/a/b).",
    "hf://datasets/org/name@main/data/train.parquet",
    "yes/no/maybe",
    "she said: 'and/or'; he said: w/o",
    "5/7 (71%), 50 % / 50 %",
    "1:2, 3:4:5, 16:9",
    "100%25 sure",
    "R&D &amp; more",
    "$5/person",
    "~ 3/4",
    "a_b/c_d",
    "2026-11-29T14:20:03+01:00",
    "</p></div>",
    "mw/nonmw",
    "\u00bd and 1\u20442",
    "the cost is $AB/h",
    "on 1/2/2021 /3/4/5",
    "D:/D scale",
    "50%/60% and %ok%",
]


@pytest.mark.parametrize("path", PATHS)
def test_absolute_paths_are_found(path: str) -> None:
    for text in (
        path,
        f"'{path}'",
        f"no such file: {path}",
        f"(see {path})",
        f"path={path}",
        json.dumps({"clip": path}),
    ):
        found = find_local_path(text)
        assert found, text
        assert len(found) > 3


@pytest.mark.parametrize("around", AROUND)
def test_a_path_is_found_behind_anything(around: str) -> None:
    assert find_local_path(around.format("/home/jane/clips"))


@pytest.mark.parametrize("path", ["/home/jane/clips", "C:/Users/jane", "/data/jane/Größe"])
def test_a_path_is_found_with_escapes(path: str) -> None:
    slashed = path.replace("/", "\\/")
    wide = path.replace("/", "\uff0f").replace(":", "\uff1a")
    forms = [slashed, json.dumps({"p": slashed}), quote(path, safe=""), quote(quote(path, safe=""), safe=""), wide]
    forms += [path.replace("/", "&#47;"), path.replace("/", "\\u002f"), path.replace("/", "\\x2f")]
    for form in forms:
        assert find_local_path(f"see {form}"), form


def test_a_path_is_told_as_it_is() -> None:
    assert find_local_path("see /home/lab/a.mp4.") == "/home/lab/a.mp4"
    assert find_local_path("(in /home/lab/clips).") == "/home/lab/clips"
    assert find_local_path(json.dumps({"clip": "/Größe/ä.mp4"})) == "/Größe/ä.mp4"
    for path in ("C:\\Users\\jane\\take 1.mp4", "D:/clips/x/a.mp4", "\\\\server\\share\\jane\\a.mp4"):
        assert find_local_path(f"no such file: '{path}'") == path
    assert find_local_path("first '/a/b.mp4', then '/c/d.mp4'") == "/a/b.mp4"


@pytest.mark.parametrize("text", OTHERS)
def test_other_texts_are_left_alone(text: str) -> None:
    for one in (text, f"'{text}'", f"say {text} again", f"({text})", json.dumps({"a": text})):
        assert find_local_path(one) is None, one


@given(
    st.lists(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_.-]{0,20}", fullmatch=True), min_size=2, max_size=5),
    st.text(max_size=40),
    st.text(max_size=40),
)
def test_a_path_is_found_in_any_text(parts: list[str], before: str, after: str) -> None:
    path = "/" + "/".join(parts)
    assert find_local_path(f"{before} {path} {after}")
    assert find_local_path(f"{before}\n'{path}'{after}")


@pytest.mark.parametrize(
    "text", ["/" * 10**6, "a" * 10**6, "a/" * 500_000, "/a" * 500_000 + "/", "\\" * 10**6, "~" * 10**6]
)
def test_no_text_takes_long(text: str) -> None:
    started = time.perf_counter()
    find_local_path(text)
    assert time.perf_counter() - started < 20, "quadratic time would be minutes"


def test_a_path_far_inside_a_text_is_found() -> None:
    for at in (4000, 4090, 4096, 100_000):
        assert find_local_path("x" * at + " /home/lab/a.mp4 " + "y" * 100)
