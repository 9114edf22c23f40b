"""The last look at what is about to leave: nothing does that holds a face, a recording, a secret or a path."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from emollama_hf.errors import ShareError
from emollama_hf.privacy.scan import Finding, scan_file

FINDINGS_SHOWN = 5


def check_files(
    files: Mapping[str, Path], *, pictures: Collection[str] = (), media_columns: Collection[str] = ()
) -> None:
    """Raise ShareError if a file holds what must not be published.

    files: by their published path. pictures: sha256 of those that the card draws. media_columns: columns in which
    somebody wants recordings and pictures to be published.
    """
    found: list[Finding] = []
    for name, path in files.items():
        found += scan_file(path, name, allowed_sha256=pictures, media_columns=media_columns)
    if not found:
        return
    shown = "; ".join(f"{one.file}, {one.where}: {one.what}" for one in found[:FINDINGS_SHOWN])
    more = f"; and {len(found) - FINDINGS_SHOWN} more" if len(found) > FINDINGS_SHOWN else ""
    raise ShareError(
        "nothing was published: what would be holds recordings, pictures, secrets or places on a disk "
        f"({shown}{more}). Remove the column or keep it back (--drop COLUMN, drop=), or mend its "
        "values. Recordings that are meant to be published need --media (media=True)."
    )
