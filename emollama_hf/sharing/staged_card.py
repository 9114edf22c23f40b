"""The small files of a set that is about to be published: those that differ from what is published there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from emollama_hf.errors import ShareError
from emollama_hf.feature_set.card.card_writer import UnreadableCard, write_card_files
from emollama_hf.feature_set.manifest import PROVENANCE, Manifest
from emollama_hf.feature_set.set_paths import README
from emollama_hf.sharing.places.place import Place


@dataclass(frozen=True)
class StagedCard:
    """write: card, pictures and manifest, as far as they differ from what is there. delete: pictures not shown now.

    pictures: sha256 of those that the card shows. card_kept: whether somebody has edited the card.
    """

    write: dict[str, Path]
    delete: list[str]
    pictures: list[str]
    card_kept: bool


def stage_card(place: Place, before: Manifest, manifest: Manifest, folder: Path, *, rewrite: bool) -> StagedCard:
    """Write the small files of a set to a folder of this machine.

    Args:
        place: Where the set is published. A README.md there that this package has not written is one that was edited.
        before: The manifest there; an empty one if there is none.
        manifest: The manifest of the set to be published.
        folder: Where the files are written.
        rewrite: Whether a card that somebody has edited is written anew.

    Returns:
        The files.

    Raises:
        ShareError: The card there was edited and cannot be brought up to date.
    """
    folder.mkdir(parents=True, exist_ok=True)
    there = place.read(README)
    existing = None if rewrite else there
    try:
        files = write_card_files(manifest, place.opening, name=place.title, existing=existing, known=before.cards)
    except UnreadableCard as error:
        raise ShareError(
            f"README.md of {place.name} was edited, and its text or metadata cannot be read ({error}). Mend it, or "
            "write it anew (--rewrite-card, rewrite_card=True)."
        ) from error
    known = {**before.pictures, **({README: hashlib.sha256(there).hexdigest()} if there is not None else {})}
    write = {}
    for name, content in files.contents.items():
        if known.get(name) == hashlib.sha256(content).hexdigest():
            continue
        if name == PROVENANCE and place.read(PROVENANCE) == content:
            continue
        (folder / name).write_bytes(content)
        write[name] = folder / name
    gone = [name for name in before.pictures if name not in files.pictures]
    return StagedCard(write, gone, list(files.pictures.values()), files.edited)
