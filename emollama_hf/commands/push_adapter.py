"""`emollama-hf push-adapter`: an adapter in, a repository for colleagues out, and what stayed here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.report import console
from emollama_hf.training.push_adapter import push_adapter


def run_push_adapter(directory: Path, repo: str, **options: Any) -> None:
    """Push and say what was sent. options: as `emollama_hf.push_adapter`."""
    quiet_unless_terminal(log_shards=False)
    done = push_adapter(directory, repo, **options)
    screen = console()
    private = "private" if options["private"] else "may be public"
    screen.print(f"{done.repo} ({private}): {', '.join(done.files)}")
    if done.left_out:
        screen.print(f"left out of provenance.json: {', '.join(done.left_out)}")
    screen.print(f'\nEmoLlamaEmbed(model, adapter="{done.repo}") uses it.')
