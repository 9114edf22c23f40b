"""The small files of a published set: card, pictures, provenance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from emollama_hf.errors import ShareError
from emollama_hf.feature_set.card.feature_card import card_pictures, update_card, write_card
from emollama_hf.feature_set.feature_set import text_digest
from emollama_hf.feature_set.manifest import PROVENANCE, Manifest
from emollama_hf.feature_set.set_paths import README
from emollama_hf.sharing.places.place import Place


@dataclass(frozen=True)
class Texts:
    """write: those that differ from what is there. delete: pictures that are no longer shown.

    pictures: sha256 of those that the card shows. card_kept: whether somebody has edited the card.
    """

    write: dict[str, Path]
    delete: list[str]
    pictures: list[str]
    card_kept: bool


def stage_texts(place: Place, before: Manifest, manifest: Manifest, folder: Path, *, rewrite: bool) -> Texts:
    """Write the small files of `manifest` to `folder`. rewrite: a card that somebody has edited, too."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = card_pictures(manifest)
    manifest = replace(manifest, pictures={name: hashlib.sha256(data).hexdigest() for name, data in pictures.items()})
    card = write_card(manifest, place.opening, name=place.title)
    manifest = replace(manifest, cards=tuple(dict.fromkeys([text_digest(card), *before.cards]))[:2])
    there = place.read(README)
    edited = there is not None and not rewrite and hashlib.sha256(there).hexdigest() not in before.cards
    if there is not None and edited:
        card = _updated(place, there, manifest)
    contents = {**pictures, PROVENANCE: manifest.to_json().encode(), README: card.encode()}
    known = {**before.pictures, **({README: hashlib.sha256(there).hexdigest()} if there is not None else {})}
    write = {}
    for name, content in contents.items():
        if known.get(name) == hashlib.sha256(content).hexdigest():
            continue
        if name == PROVENANCE and place.read(PROVENANCE) == content:
            continue
        (folder / name).write_bytes(content)
        write[name] = folder / name
    gone = [name for name in before.pictures if name not in pictures]
    return Texts(write, gone, list(manifest.pictures.values()), edited)


def _updated(place: Place, there: bytes, manifest: Manifest) -> str:
    try:
        return update_card(there.decode(), manifest)
    except Exception as error:  # of a YAML reader, of huggingface_hub, of text that is not UTF-8
        raise ShareError(
            f"README.md of {place.name} was edited, and its text or metadata cannot be read "
            f"({' '.join(str(error).split())}). Mend it, or write it anew (--rewrite-card, rewrite_card=True)."
        ) from error
