"""Options of `emollama-hf push`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    source: Annotated[str, typer.Argument(help="Directory that extract wrote (--out).", show_default=False)],
    target: Annotated[
        str,
        typer.Argument(help="ORG/NAME on the Hub, a URL such as s3://bucket/path, a directory.", show_default=False),
    ],
    public: Annotated[bool, typer.Option("--public", help="Allow a public repository. Default: private.")] = False,
    media: Annotated[
        bool, typer.Option("--media", help="Publish recordings and pictures of people, too. Asks once more.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: publish also what looks like a person, a moment or a place.")
    ] = False,
    config: Annotated[
        str | None, typer.Option(help="Configuration. Default: the one that was made in the same way.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch of the repository.")] = None,
    tag: Annotated[str | None, typer.Option(help="Name for the new commit, such as v1.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Column that names rows. Default: uuid, id, clip_id, name or file_name.")
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Publish names of files in clear. Default: hashes of them.")
    ] = False,
    hash_keys: Annotated[
        bool, typer.Option("--hash-keys", help="Publish hashes also of names that are no files', such as a uuid.")
    ] = False,
    key_secret: Annotated[
        Path | None, typer.Option(help="File with a secret to hash names with, so that nobody can check a guess.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Column to keep back; again for more.")] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            help="Column to publish that is left out by itself (lists, long texts), 'p*' for p0, p1, ..., or looks "
            "personal; again for more."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace published rows that have the same name and other values.")
    ] = False,
    include_forgotten: Annotated[
        bool, typer.Option("--include-forgotten", help="Publish rows again that forget took out.")
    ] = False,
    license: Annotated[str | None, typer.Option(help="Licence, as the Hub names it: cc-by-nc-4.0.")] = None,
    citation: Annotated[Path | None, typer.Option(help="BibTeX file for the card.")] = None,
    rewrite_card: Annotated[
        bool, typer.Option("--rewrite-card", help="Write README.md anew, also if somebody edited it.")
    ] = False,
) -> None:
    """Share features, and no faces: recordings, pictures, file names and local paths stay here.

    Rows that are named by their files are published under hashes; which is whose stays in SOURCE.names.csv.

    A column that looks like a person, a moment or a place (participant_id, a mail address, a date) is asked about on a
    terminal, and held back elsewhere: --include, --drop or --yes decide.

    What is published already is not sent again: run the same after an interruption or with new clips.
    """
    from emollama_hf.commands.push import run_push

    run_push(
        source, target, private=not public, media=media, yes=yes, config_name=config, revision=revision, tag=tag,
        key=key, names=names, hash_keys=hash_keys, key_secret=key_secret, include=tuple(include or ()),
        drop=tuple(drop or ()), replace=replace,
        include_forgotten=include_forgotten, license=license,
        citation=citation, rewrite_card=rewrite_card,
    )  # fmt: skip
