"""Names and paths as an attacker writes them, and what lies in a folder, to see that nothing outside has changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hypothesis import strategies as st

PIECES = (
    "..", ".", "/", "\\", "C:", "//host/share", "%2e%2e", "%2F", "\0", "\n", "\u2044", "\uff0f", "\u2215", "\u202e",
    " ", "~", "$HOME", "a", "data", "private", "train-00000-0123456789ab.parquet", "NUL", "con.txt", "::", "file://",
    "*", "[", "README.md", ".cache", "-", "x" * 300, "\ud800",
)  # fmt: skip

#: Texts put together from pieces that mean something in paths.
hostile = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
any_name = st.one_of(hostile, st.text(max_size=40), st.from_regex(r"[A-Za-z0-9._-]{0,20}", fullmatch=True))


def contents(folder: Path) -> dict[str, str]:
    """Every file and link in a folder by its path: a digest of its bytes, or where it points."""
    found: dict[str, str] = {}
    for here, names, files in os.walk(folder):
        for path in (Path(here) / name for name in (*names, *files)):
            if path.is_symlink():
                found[str(path.relative_to(folder))] = f"-> {os.readlink(path)}"
            elif path.is_file():
                found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
