"""The small files of a set: its card, the pictures that the card shows, and the manifest that knows both.

manifest ─► pictures ─► card, or an edited one brought up to date ─► manifest with the digests of both
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from emollama_hf.feature_set.card.feature_card import card_pictures, update_card, write_card
from emollama_hf.feature_set.manifest import PROVENANCE, Manifest
from emollama_hf.feature_set.opening import Opening
from emollama_hf.feature_set.set_paths import README

#: Cards whose digests a manifest keeps: a run that is killed leaves the earlier one beside the new manifest.
CARDS_KNOWN = 2


class UnreadableCard(ValueError):
    """A card was edited, and its text or metadata cannot be read; the message says why."""


@dataclass(frozen=True)
class CardFiles:
    """contents: bytes of the files by their names. pictures: sha256 of those that the card shows, by their names.

    edited: whether the card is one that somebody has edited, with the columns and files of now.
    """

    contents: dict[str, bytes]
    pictures: dict[str, str]
    edited: bool


def write_card_files(
    manifest: Manifest, opening: Opening, *, name: str | None = None, existing: bytes | None, known: Sequence[str]
) -> CardFiles:
    """Compute the small files of a set.

    Args:
        manifest: What the set holds.
        opening: The code that opens a configuration.
        name: What the set is called, if it has a name.
        existing: README.md as it is; None if there is none, or if it is to be written anew.
        known: Digests of cards that this package has written there, the last one first. An existing card of another
            digest was edited: its text stays.

    Returns:
        The files; the card comes last, since it says which files are the set.

    Raises:
        UnreadableCard: The existing card was edited and cannot be brought up to date.
    """
    pictures = card_pictures(manifest)
    manifest = replace(manifest, pictures={name: _sha256(data) for name, data in pictures.items()})
    card = write_card(manifest, opening, name=name).encode()
    manifest = replace(manifest, cards=tuple(dict.fromkeys([_sha256(card), *known]))[:CARDS_KNOWN])
    edited = existing if existing is not None and is_edited(existing, known) else None
    if edited is not None:
        card = _updated(edited, manifest)
    contents = {**pictures, PROVENANCE: manifest.to_json().encode(), README: card}
    return CardFiles(contents, manifest.pictures, edited is not None)


def is_edited(card: bytes, known: Collection[str]) -> bool:
    """Whether a card is none of those of these digests; line breaks are not looked at, since git may change them."""
    return _sha256(card.replace(b"\r\n", b"\n")) not in known


def _updated(existing: bytes, manifest: Manifest) -> bytes:
    try:
        return update_card(existing.decode(), manifest).encode()
    except Exception as error:  # of a YAML reader, of huggingface_hub, of text that is not UTF-8
        raise UnreadableCard(" ".join(str(error).split())) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
