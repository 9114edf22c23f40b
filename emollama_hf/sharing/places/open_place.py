"""From a text to the place that it names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.set_paths import MOST_CHARACTERS, config_fault
from emollama_hf.sharing.places.folder_place import FolderPlace
from emollama_hf.sharing.places.hub_place import HubPlace
from emollama_hf.sharing.places.place import Place
from emollama_hf.text.hub_id import HUB_ID, is_hub_id
from emollama_hf.text.plain_names import revision_fault

HUB_URL = re.compile(rf"hf://datasets/({HUB_ID})(?:@([^/]+))?/?")


@no_secrets()
def open_place(target: str | os.PathLike[str], *, revision: str | None = None) -> Place:
    """The place that a text names: `org/name`, `hf://datasets/org/name`, `s3://bucket/path`, a directory.

    revision: branch, tag or commit of a Hub repository. Nothing is asked of the place yet.
    Raises ShareError if the text names no place, or could mean two.
    """
    name = os.fspath(target)
    if not name.strip():
        raise ShareError("no place was named. Give org/name on the Hub, a URL (s3://bucket/path), or a directory.")
    if revision is not None:
        check_revision(revision, "revision")
    hub = HUB_URL.fullmatch(name)
    if hub is not None:
        if hub[2] is not None:
            check_revision(hub[2], "revision")
        return HubPlace(hub[1], revision or hub[2])
    if name.startswith("hf://"):
        raise ShareError(f"{name!r} is no data set repository: expected hf://datasets/OWNER/NAME.")
    if _is_hub_id(name):
        return HubPlace(name, revision)
    if revision is not None:
        raise ShareError(f"revision={revision!r}: {name!r} is no Hub repository and has no revisions. Leave it out.")
    return FolderPlace(name)


def check_config_name(name: object) -> None:
    """Raise ShareError if a configuration of a set cannot be called so."""
    fault = config_fault(name)
    if fault is not None:
        raise ShareError(
            f"config_name={name!r:.120} cannot name a configuration: {fault}. Choose another name (--config, "
            f"config_name=) of up to {MOST_CHARACTERS} letters, digits, '.', '_' and '-'."
        )


def check_revision(name: object, what: str) -> None:
    """Raise ShareError if a branch, a tag or a commit cannot be called so. what: "revision" or "tag"."""
    fault = revision_fault(name)
    if fault is not None:
        raise ShareError(f"{what}={name!r:.120} is no {what}: {fault}. Give one such as v1.")


def _is_hub_id(name: str) -> bool:
    if not is_hub_id(name) or Path(name).exists():
        return False
    if Path(name).parent.is_dir():
        raise ShareError(
            f"{name!r} could be a repository on the Hub or a folder in {str(Path(name).parent)!r}. "
            f"Write hf://datasets/{name}, or ./{name}."
        )
    return True
