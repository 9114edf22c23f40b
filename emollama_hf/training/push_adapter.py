"""`emollama_hf.push_adapter`: a trained adapter on the Hub, without names of clips, people or folders.

adapter directory ─► names of its tensors checked ─► public facts ─► card ─► scan ─► one commit
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from emollama_hf.checkpoints.adapter import Adapter, open_adapter
from emollama_hf.checkpoints.adapter_facts import ADAPTER_WEIGHTS
from emollama_hf.checkpoints.model_provenance import MODEL_PROVENANCE
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import ShareError
from emollama_hf.files.given_path import given_path
from emollama_hf.files.json_text import json_text
from emollama_hf.privacy.gate import check_files
from emollama_hf.sharing.places.hub_place import HubPlace
from emollama_hf.sharing.places.open_place import check_revision
from emollama_hf.sharing.places.place import Changes
from emollama_hf.sharing.staging import staging_folder
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.text.hub_id import is_hub_id
from emollama_hf.training.adapter_card import adapter_card
from emollama_hf.training.public_facts import public_facts

CARD = "README.md"
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
        ModelError: The folder is no adapter, is not whole, or holds those of several folds.
        ShareError: The Hub refuses, or what would be sent holds other tensors, a path or a secret. Nothing is published
            then.

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
    adapter = _opened(directory)
    facts, left_out = public_facts(adapter.provenance)
    place = HubPlace(repo, revision, repo_type="model", token=token)
    place.check_writable(private=private)
    with staging_folder() as staged:
        texts = {MODEL_PROVENANCE: json_text(facts), CARD: adapter_card(facts, repo, license=license)}
        for name, text in texts.items():
            (staged / name).write_text(text, encoding="utf-8")
        check_files({name: staged / name for name in texts})
        weights = {ADAPTER_WEIGHTS: adapter.directory / ADAPTER_WEIGHTS}
        write = {**weights, **{name: staged / name for name in texts}}
        place.publish(Changes(write), "emollama_hf: an adapter", tag=tag)
    return PushedAdapter(repo, place.commit or "", tuple(write), left_out)


def _opened(directory: str | os.PathLike[str]) -> Adapter:
    """The adapter of a folder on this machine, whose file has tensors of an adapter and nothing beside them."""
    from safetensors import safe_open

    folder = given_path(directory, error=ShareError)
    if not folder.is_dir():
        raise ShareError(f"{folder}: there is no such folder. Name an adapter that finetune wrote.")
    adapter = open_adapter(folder)
    with safe_open(folder / ADAPTER_WEIGHTS, "numpy") as file:
        header = dict(file.metadata() or {})
    odd = [name for name in adapter.shapes if not _NAMES.fullmatch(name)]
    odd += [name for name in header if name not in _HEADER]
    if odd:
        raise ShareError(
            f"{folder / ADAPTER_WEIGHTS} has {few_and_more(odd, show=repr)}, expected the tensors of an adapter alone: "
            "a LoRA and projections. Nothing was published. Write it with finetune."
        )
    return adapter
