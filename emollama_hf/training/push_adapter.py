"""`emollama_hf.push_adapter`: a trained adapter on the Hub, without names of clips, people or folders.

adapter directory ─► names of its tensors checked ─► public facts ─► card ─► scan ─► one commit
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import ShareError
from emollama_hf.files.given_path import given_path
from emollama_hf.files.json_text import json_text
from emollama_hf.files.strict_json import read_object
from emollama_hf.privacy.gate import check_files
from emollama_hf.sharing.places.hub_place import HubPlace
from emollama_hf.sharing.places.open_place import check_revision
from emollama_hf.sharing.places.place import Changes
from emollama_hf.sharing.staging import staging_folder
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.text.hub_id import is_hub_id
from emollama_hf.training.adapter_card import adapter_card
from emollama_hf.training.public_facts import public_facts

TENSORS, PROVENANCE, CARD = "adapter.safetensors", "provenance.json", "README.md"
#: What a header of safetensors may say beside the tensors.
_HEADER = {"format", "alpha"}
_NAMES = re.compile(
    r"(?:llama_proj|feats_llama_proj[123]|cls_tk_llama_proj)(?:\.\d)?\.(?:weight|bias)"
    r"|llama_model\.base_model\.model\.model\.layers\.\d+\.self_attn\.[qv]_proj\.lora_[AB]\.(?:default\.)?weight"
)


@dataclass(frozen=True)
class PushedAdapter:
    """What was published.

    Attributes:
        repo: "owner/name".
        commit: of the Hub.
        files: their names there.
        left_out: facts of the provenance that stayed here.
    """

    repo: str
    commit: str
    files: tuple[str, ...]
    left_out: tuple[str, ...]


@no_secrets()
def push_adapter(
    directory: str | os.PathLike[str],
    repo: str,
    *,
    private: bool = True,
    token: str | None = None,
    license: str | None = None,
    revision: str | None = None,
    tag: str | None = None,
) -> PushedAdapter:
    """Publish an adapter: its tensors, what may be public of its provenance, and a model card.

    Predictions, reports and names of clips and participants stay here. The card is written anew each time.

    Args:
        directory: The adapter: a folder with adapter.safetensors, as `finetune` writes it.
        repo: "owner/name" of a model on the Hub.
        private: Make the repository private if it is new, and refuse one that is public.
        token: Of the Hub; None for that of `hf auth login` or HF_TOKEN.
        license: Identifier of the Hub; None for Llama 2's, which holds for derivatives.
        revision: Branch of the repository.
        tag: A name for the new commit, such as "v1".

    Returns:
        What was published.

    Raises:
        ShareError: The folder is no adapter or holds several, the Hub refuses, or what would be sent holds a path or a
            secret. Nothing is published then.

    Example:
        >>> push_adapter("adapter", "org/mindwandering-adapter").files
        ('adapter.safetensors', 'provenance.json', 'README.md')
    """
    if not isinstance(private, bool):
        raise ShareError(f"private={private!r}: expected True or False.")
    if not isinstance(repo, str) or not is_hub_id(repo):
        raise ShareError(f"{repo!r} is no repository of the Hub, expected OWNER/NAME.")
    for option, name in (("revision", revision), ("tag", tag)):
        if name is not None:
            check_revision(name, option)
    folder = given_path(directory, error=ShareError)
    facts, left_out = public_facts(_provenance(folder))
    _check_tensors(folder / TENSORS)
    place = HubPlace(repo, revision, repo_type="model", token=token)
    place.check_writable(private=private)
    with staging_folder() as staged:
        texts = {PROVENANCE: json_text(facts), CARD: adapter_card(facts, repo, license=license)}
        for name, text in texts.items():
            (staged / name).write_text(text, encoding="utf-8")
        check_files({name: staged / name for name in texts})
        write = {TENSORS: folder / TENSORS, **{name: staged / name for name in texts}}
        place.publish(Changes(write), "emollama_hf: an adapter", tag=tag)
    return PushedAdapter(repo, place.commit or "", tuple(write), left_out)


def _provenance(folder: Path) -> Mapping[str, Any]:
    inner = sorted(path.parent.name for path in folder.glob(f"*/{TENSORS}"))
    if inner and not (folder / TENSORS).exists():
        raise ShareError(
            f"{folder} holds {len(inner)} adapters, one of each fold: {few_and_more(inner)}. Name one of them, such as "
            f"{folder / inner[0]}, or train one on all clips (fold=None, without --fold)."
        )
    try:
        facts = read_object(folder / PROVENANCE)
    except OSError as error:
        raise ShareError(
            f"{folder} is no adapter: its {PROVENANCE} cannot be read ({error.strerror}). Name a folder that finetune "
            "wrote."
        ) from None
    except ValueError as error:
        raise ShareError(f"{folder / PROVENANCE} is damaged ({error}). Run finetune again.") from None
    if facts.get("kind") != "adapter":
        raise ShareError(f"{folder} is no adapter, but {facts.get('kind', 'of another kind')!r}. Name a folder that "
                         "finetune wrote; push shares features.")  # fmt: skip
    return facts


def _check_tensors(path: Path) -> None:
    """Raise ShareError unless a file is of safetensors and has tensors of an adapter, and nothing beside them."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            names, header = list(file.keys()), dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise ShareError(f"{path} cannot be read ({str(error).splitlines()[0]}). Run finetune again.") from None
    odd = [name for name in names if not _NAMES.fullmatch(name)] + [name for name in header if name not in _HEADER]
    if odd or not names:
        what = few_and_more(odd, show=repr) if odd else "no tensor"
        raise ShareError(
            f"{path} has {what}, expected the tensors of an adapter alone: a LoRA and projections. Nothing was "
            "published. Write it with finetune."
        )
