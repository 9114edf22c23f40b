"""From the name of a published encoder to its source: a directory, a Hub id, or an architecture with a checkpoint."""

from __future__ import annotations

import os
import re

from emollama_hf.errors import ModelError
from emollama_hf.files.given_path import given_path
from emollama_hf.pretrained.model_folder import HubFolder, LocalFolder, checkpoint_file
from emollama_hf.pretrained.pretrained_source import PretrainedSource
from emollama_hf.text.hub_id import is_hub_id
from emollama_hf.text.plain_names import revision_fault

#: An architecture of timm, with or without the tag of published weights.
_ARCHITECTURE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)?")


def open_pretrained(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    weights: str | os.PathLike[str] | None = None,
) -> PretrainedSource:
    """An encoder by name. Cheap: no torch, no weights, nothing from the network.

    Args:
        name: the Hub id of a model of timm ("timm/resnet50.a1_in1k") or transformers
            ("openai/clip-vit-large-patch14"), a directory as either saves it, or an architecture of timm ("resnet50").
        revision: branch, tag or commit of a Hub id.
        weights: a local checkpoint to use: needed with an architecture, instead of the model's own weights otherwise.

    Returns:
        The source. What a repository lacks shows when it is first asked.

    Raises:
        ModelError: nothing has that name, or an architecture is named without weights.

    Example:
        >>> open_pretrained("resnet50", weights="affectnet_resnet50.pth").width("image_encoder")
        2048
    """
    name = os.fspath(name)
    if not name.strip():
        raise ModelError("encoder='' is empty. Name a Hub id, a directory, or an architecture of timm with weights=.")
    if revision is not None and (fault := revision_fault(revision)) is not None:
        raise ModelError(f"encoder={name!r}: {revision!r:.120} is no revision: {fault}. Give one such as main.")
    file = None
    if weights is not None:
        file = given_path(weights, error=ModelError)
        checkpoint_file(file)
    path = given_path(name, error=ModelError)
    if path.is_dir():
        return PretrainedSource(name, LocalFolder(path), file)
    if path.exists():
        raise ModelError(
            f"encoder={name!r} is a file, expected a model. Name the architecture of timm that the checkpoint is of, "
            f"and the file as weights={name!r}."
        )
    if is_hub_id(name):
        return PretrainedSource(name, HubFolder(name, revision), file)
    if _ARCHITECTURE.fullmatch(name):
        if file is None:
            raise ModelError(
                f"encoder={name!r} is an architecture without weights, and nothing is downloaded by an architecture's "
                f"name. Give weights=FILE (--option COLUMN.weights=FILE), or name a repository such as timm/{name}."
            )
        return PretrainedSource(name, None, file)
    raise ModelError(
        f"encoder={name!r}: there is no such directory, and it is neither a Hub id (owner/name) nor an architecture of "
        "timm. Check the name."
    )
