"""Published files that are gone, or were cut off, although the manifest names them: their rows are sent again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import FeatureConfig, FeatureFile
from emollama_hf.sharing.places.place import Place
from emollama_hf.text.few_of_many import few_and_dots


def split_present(place: Place, config: FeatureConfig | None) -> tuple[FeatureConfig | None, dict[str, FeatureFile]]:
    """Compare a manifest with what is at the place, by existence and size.

    Returns:
        The configuration with the files that are there whole, and the other files by their paths.
    """
    if config is None:
        return None, {}
    sizes = place.sizes(list(config.files))
    gone = {path: file for path, file in config.files.items() if sizes.get(path) != file.bytes}
    there = {path: file for path, file in config.files.items() if path not in gone}
    return replace(config, files=there), gone


def check_sent_again(place: Place, gone: dict[str, FeatureFile], names: Collection[str], *, replace: bool) -> None:
    """Raise ShareError for rows of files that are gone and that nobody sends again, unless they may be given up.

    Args:
        place: where the files were.
        gone: the files.
        names: of the rows that are sent.
        replace: whether other rows may be given up.
    """
    lost = [name for file in gone.values() for name in file.rows if name not in names]
    if lost and not replace:
        raise ShareError(
            f"{place.name}: {', '.join(gone)} is missing or cut off, and {len(lost)} of its rows are not among those "
            f"that are pushed ({few_and_dots(lost, show=repr)}). Put the file back, push these "
            "rows, too, or go on without them (--replace, replace=True)."
        )
