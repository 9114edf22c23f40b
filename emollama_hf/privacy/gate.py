"""The last look at what is about to leave: nothing does that holds a face, a recording, a secret or a path."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from emollama_hf.errors import ShareError
from emollama_hf.privacy.scan import PrivacyFinding, scan_file
from emollama_hf.text.few_of_many import few_and_more


def check_files(
    files: Mapping[str, Path], *, pictures: Collection[str] = (), media_columns: Collection[str] = ()
) -> None:
    """Raise ShareError if a file holds what must not be published.

    files: by their published path. pictures: sha256 of those that the card draws. media_columns: columns in which
    somebody wants recordings and pictures to be published.
    """
    found: list[PrivacyFinding] = []
    for name, path in files.items():
        found += scan_file(path, name, allowed_sha256=pictures, media_columns=media_columns)
    if not found:
        return
    texts = [f"{one.file}, {one.where}: {one.what}" for one in found]
    shown = few_and_more(texts, between="; ", rest="; and {} more")
    raise ShareError(
        "nothing was published: what would be holds recordings, pictures, secrets or places on a disk "
        f"({shown}). Remove the column or keep it back (--drop COLUMN, drop=), or mend its "
        "values. Recordings that are meant to be published need --media (media=True)."
    )
