"""A model directory in a Hub repository; each part is fetched when it is first used."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.directory import DirectorySource
from emollama_hf.checkpoints.model_provenance import MODEL_PROVENANCE, recorded_origin
from emollama_hf.checkpoints.part_files import part_files
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.console.terminal import for_terminal
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.encoder import Encoder
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.errors import ModelError
from emollama_hf.files.digest import files_digest, sha256_file

#: The commit that a repository's branch or tag was at when this process first asked.
_commits: dict[tuple[str, str | None], str] = {}


class HubSource(DirectorySource):
    """Files come from huggingface_hub's cache, so HF_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE apply.

    name: the repository id.  revision: branch, tag or commit. A branch stays, while the process runs, at the commit
    where it was first found.
    """

    def __init__(
        self, name: str, revision: str | None = None, tokenizers: Mapping[str, PromptTokenizer] | None = None
    ) -> None:
        super().__init__(name, tokenizers)
        self._revision = revision

    def _settings(self, part: str) -> Path:
        # provenance.json, too: huggingface_hub warns when nothing matches, which our own error is about.
        small = [
            MODEL_PROVENANCE,
            f"{part}/config.json",
            *(f"{part}/{name}" for name in find_encoder(part).tokenizer_files),
        ]
        return self._existing(self._fetch(small), part)

    def _weights(self, part: str) -> Path:
        adaptation = find_encoder(part).adaptation
        kept = [] if adaptation is None else [f"{part}/{adaptation.lora_file}"]
        root = self._fetch([f"{part}/*", MODEL_PROVENANCE], but=kept)
        self._existing(root, part)
        return root

    def _kept_files(self, part: str, name: str) -> Path:
        root = self._fetch([f"{part}/{name}", f"{part}/config.json", MODEL_PROVENANCE])
        return self._existing(root, part).parent

    @property
    def commit(self) -> str | None:
        return self._revision

    def origin(self) -> dict[str, Any]:
        return recorded_origin(self._fetch([MODEL_PROVENANCE]))

    def _weights_digest(self, part: str) -> str:
        # Not from provenance.json: whoever pushes other weights may leave it as it was, and the cache's times say
        # nothing. The cache knows the hashes of large files.
        return files_digest((path.name, cached_sha256(path)) for path in part_files(self._weights(part), part))

    def _fetch(self, patterns: list[str], but: Sequence[str] = ()) -> Path:
        root = snapshot(self.name, self._revision, patterns, but)
        self._revision = root.name
        return root


def cached_sha256(path: Path) -> str:
    """sha256 of a file in huggingface_hub's cache, which names large files by it; others are read."""
    blob = path.resolve()
    if blob.parent.name == "blobs" and re.fullmatch("[0-9a-f]{64}", blob.name):
        return blob.name
    return sha256_file(path)


def hub_tokenizer(encoder: Encoder, repo_id: str) -> PromptTokenizer:
    """A family's tokenizer in a Hub repository: Llama-2's own, or a converted model's."""
    files = encoder.tokenizer_files
    root = snapshot(repo_id, None, [*files, *(f"{encoder.name}/{name}" for name in files)])
    return encoder.tokenizer(tokenizer_folder(encoder, root))


def tokenizer_folder(encoder: Encoder, root: Path) -> Path:
    """Where a directory keeps a tokenizer: the published directory itself, or the family's folder of a model."""
    inner = root / encoder.name
    return inner if (inner / encoder.tokenizer_files[0]).is_file() else root


@no_secrets()
def snapshot(repo_id: str, revision: str | None, patterns: Sequence[str], but: Sequence[str] = ()) -> Path:
    """A folder with the files of a repository that match, from the cache where they are there.

    but: patterns of files that match as well and are not fetched.

    A process asks once which commit a branch is at: rows of one run never come from two, and the Hub is not asked again
    for every row. Raises ModelError if the repository cannot be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils import tqdm

    class Progress(tqdm):
        """None where nobody watches: logs are no place for bars."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs["disable"] = kwargs.get("disable") or not sys.stderr.isatty()
            kwargs["desc"] = for_terminal(kwargs.get("desc") or "")  # may be a file's name
            super().__init__(*args, **kwargs)

    where = f"Hub repository {repo_id!r}" + (f" at {revision}" if revision else "")
    commit = _commits.get((repo_id, revision), revision)
    try:
        found = Path(
            snapshot_download(
                repo_id,
                revision=commit,
                allow_patterns=list(patterns),
                ignore_patterns=list(but) or None,
                tqdm_class=Progress,
            )
        )
        _commits[repo_id, revision] = found.name  # a snapshot's folder is named after its commit
        return found
    except GatedRepoError as error:
        raise ModelError(
            f"{where} is gated and this account has no access. Ask for it on the repository's page, "
            "then run hf auth login."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{where} does not exist, or is private and this account may not see it, and there is no local "
            "directory of that name. Check the name; for a private one run hf auth login."
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{where}: no such revision. Check revision=, or leave it out for main.") from error
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"{where} cannot be reached and is not in the cache, and there is no local directory of that "
            "name. Check the connection and HF_HUB_OFFLINE, or give a local directory."
        ) from error
    except OSError as error:
        raise ModelError(f"{where} cannot be fetched: {error}. Check the connection and HF_ENDPOINT.") from error
