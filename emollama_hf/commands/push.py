"""`emollama-hf push`: a feature data set in, a repository or folder for colleagues out, and what was left behind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.key_secret import read_secret
from emollama_hf.commands.report import console
from emollama_hf.console.terminal import for_terminal, shown_text
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.feature_set import CARD_DIFFERS
from emollama_hf.files.small_file import read_small_text
from emollama_hf.text.plural import counted


def run_push(
    source: str,
    target: str,
    *,
    media: bool,
    yes: bool,
    include: tuple[str, ...],
    citation: Path | None,
    key_secret: Path | None,
    **options: Any,
) -> None:
    """Push, ask about columns that look personal, and print a summary. options: as `emollama_hf.push`."""
    quiet_unless_terminal(log_shards=False)
    from emollama_hf.commands.ask_columns import AskColumns, print_columns
    from emollama_hf.sharing.push import push

    if media and not yes:
        _confirm(target)
    ask = AskColumns(include=include, yes=yes)
    done = push(
        source,
        target,
        media=media,
        include=include,
        review=ask,
        citation=_citation(citation),
        key_secret=read_secret(key_secret),
        **options,
    )
    for line in ask.unasked:
        typer.echo(f"emollama-hf: {line}", err=True)
    screen = console()
    screen.print(
        f"{shown_text(done.place)}, configuration {done.config}: {counted(done.rows, 'clip')}; {done.added:,} added, "
        f"{done.replaced:,} replaced, {done.unchanged:,} were there already.",
        markup=False,
    )
    if done.forgotten:
        screen.print(f"{done.forgotten:,} were forgotten there, and are not published again (--include-forgotten).")
    screen.print(f"{counted(len(done.files), 'file')} written: {', '.join(done.files) or 'none'}\n", markup=False)
    if not ask.shown:
        print_columns(screen, done.published)
        screen.print()
    for line in done.withheld:
        screen.print(f"left out: {shown_text(line)}", markup=False)
    if done.names_table is not None:
        screen.print(f"Which row is whose is in {done.names_table}, which stays here.", markup=False)
        if key_secret is None:
            screen.print("Who guesses a name can check the guess; --key-secret FILE prevents that.")
    if done.card_kept:
        screen.print(
            f"README.md there {CARD_DIFFERS} Its text was kept, its list of files brought up to date; --rewrite-card "
            "writes it anew."
        )
    screen.print(f"\nOpen it with: {done.opening}", markup=False)


def _confirm(target: str) -> None:
    warning = f"--media publishes recordings and pictures of people to {for_terminal(target)}."
    if not sys.stdin.isatty():
        raise ShareError(f"{warning} Where nobody can be asked, say so with --yes.")
    if typer.prompt(f"{warning} Did they all consent? Type yes to go on", default="no") != "yes":
        raise ShareError("nothing was published.")


def _citation(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return read_small_text(path).replace("\r\n", "\n")
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise ShareError(f"{path}: the citation cannot be read ({said}). Give a file of BibTeX in UTF-8.") from error
