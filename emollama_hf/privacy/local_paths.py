"""Absolute paths of somebody's machine within a text."""

from __future__ import annotations

import re

from emollama_hf.privacy.text_readings import readings

# A component of a path: letters, digits and what names of files have; a space only between such.
_PART = r"[^\s/\\\x00\"'`<>|:*?]+(?: [^\s/\\\x00\"'`<>|:*?]+)*"
_WORD = r"[^\W\d]"
# Not within a URL, a relative path, a fraction: what stands before a path is a space, a quote, a bracket, `=`, or the
# colon behind a host or a label.
_BEFORE = r"(?<![\w./~+\\-])"
_PATTERNS = (
    r"(?i:file|smb|cifs|sftp|scp|ssh|nfs|afp|hdfs|webhdfs|davs?|webdavs?):/+[^\s\"'<>]+",
    rf"{_BEFORE}~(?:[\w.-]+)?/(?={_WORD}|[._-])[^\s\"'<>]+",
    r"\$(?:\{?(?:TMP|[A-Z][A-Z_]{3,})\}?|(?i:env):\w+)[\\/]+[^\s\"'<>]+",
    r"%[A-Za-z_]{3,}%[\\/]+[^\s\"'<>]+",
    # Two components or more, the first one a name or behind dots alone; or one that ends like a file.
    rf"{_BEFORE}/(?:\.{{1,2}}/)*(?=[._]?{_WORD})[^\s/\\\x00\"'`<>|:*?]+(?:/+{_PART})+",
    # A digit or a sign first, and a letter: /12_anna/clip. Digits alone: /2021/anna/x.
    rf"{_BEFORE}/[\d(@+-][\w.()-]{{0,60}}?{_WORD}[\w.()-]*/+{_PART}",
    rf"{_BEFORE}/\d+/+(?=[\w.-]{{0,60}}?{_WORD}){_PART}/+{_PART}",
    rf"{_BEFORE}/(?=[._]?{_WORD})[\w.-]+\.(?=\w*{_WORD})\w{{1,5}}\b(?!/)",
    # A host before folders: //nas/study/a.mp4.
    rf"(?<![\w:/.~+\\-])//{_WORD}[\w.-]*(?:/+{_PART}){{2,}}",
    # Behind anything, where systems keep the folders of people.
    rf"/(?:home|Users|Volumes|cygdrive|scratch|gpfs|lustre)/+{_PART}/+{_PART}",
    rf"(?<![^\W_])[A-Za-z]:(?:\\+{_PART}|/+{_PART}[\\/]+{_PART})(?:[\\/]+{_PART})*",
    rf"(?<![\\\w])\\\\(?:\\\\)?[\w.$?-]+(?:\\+{_PART})+",
)
_PATH = re.compile("|".join(_PATTERNS))
#: URLs of hosts that everybody may know. What follows `::`, `=` or `&` may be a path of a machine all the same.
_PUBLIC_URL = re.compile(
    r"\b(?:https?|ftp|s3|gs|gcs|az|abfss?|hf|memory|doi)://"
    r"(?!(?:localhost|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)[\w.:]*/)(?:(?!::)[^\s\"'<>?#=&;|,)\]])*"
)
#: So much of a text is looked at at a time, with an overlap: no expression takes long on a megabyte of anything.
_STEP, _OVERLAP = 4096, 512


def find_local_path(text: str) -> str | None:
    """The first absolute path in a text; None if there is none.

    /home/..., ~/..., file:///..., C:\\..., \\\\server\\..., host:/..., $HOME/..., also with escapes; no public URL, no
    relative path, no fraction.

        >>> find_local_path("no such file: '/home/lab/clips/a.mp4'")
        '/home/lab/clips/a.mp4'
    """
    for reading in readings(text):
        plain = _PUBLIC_URL.sub("URL", reading) if "://" in reading else reading
        for start in range(0, max(1, len(plain)), _STEP):
            found = _PATH.search(plain, max(0, start - _OVERLAP), start + _STEP + _OVERLAP)
            if found is not None:
                return found[0].rstrip(".,;)")
    return None
