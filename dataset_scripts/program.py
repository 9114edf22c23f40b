"""A builder as a program: it says what was found, and saves it if asked."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from datasets import Dataset, Features, Value, Video, concatenate_datasets

from dataset_scripts.content_builder import IDENTITIES, ContentBuilder, stored_paths
from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.report import columns_table, console, table
from emollama_hf.console.logs import clean_all_logs
from emollama_hf.console.safe_errors import traceback_text
from emollama_hf.console.terminal import write_line
from emollama_hf.errors import SourceError
from emollama_hf.schema import describe_column


class OneLineParser(argparse.ArgumentParser):
    """A wrong option is an error like any other, and no page of usage."""

    def error(self, message: str) -> NoReturn:
        raise SourceError(f"{message}. See --help.")


def run_program(
    builder: type[ContentBuilder],
    description: str | None,
    options: Mapping[str, str],
    *,
    required: Sequence[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
) -> NoReturn:
    """Parse the command line, build, print, save and end: with 0, or with 1 and one line on standard error.

    options: the builder's own options and what they are; `choices` of some; the rest is the same for all builders.
    """
    name = builder.__module__.rpartition(".")[2]
    parser = OneLineParser(prog=f"{name}.py", description=description, formatter_class=argparse.RawTextHelpFormatter)
    for option, meaning in options.items():
        valid = (choices or {}).get(option)
        flag = f"--{option.replace('_', '-')}"
        parser.add_argument(flag, required=option in required, choices=valid, help=meaning)
    parser.add_argument("--strict", action="store_true", default=None, help="Anything left out or null is an error.")
    parser.add_argument("--identify-by", choices=IDENTITIES, help="How a file's content is known (sha256).")
    parser.add_argument("--follow-links", action="store_true", default=None, help="Links may lead out of a folder.")
    parser.add_argument("--out", type=Path, help="Directory to save the rows to, for `emollama-hf extract DIR`.")
    parser.add_argument("--debug", action="store_true", help="Show the traceback of an error.")
    debug = "--debug" in sys.argv
    clean_all_logs()
    try:
        given = {key: value for key, value in vars(parser.parse_args()).items() if value is not None}
        out = given.pop("out", None)
        given.pop("debug")
        _run(builder, given, out)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if debug:
            sys.stderr.write(traceback_text(error))
            sys.exit(1)
        kind = "" if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: "
        write_line(f"{name}: {kind}{' '.join(str(error).split())}")
        sys.exit(1)
    sys.exit(0)


def _run(builder: type[ContentBuilder], given: dict[str, Any], out: Path | None) -> None:
    quiet_unless_terminal()
    logging.getLogger("dataset_scripts").setLevel(logging.ERROR)  # gaps are printed below
    if out is not None:
        out = _checked(out)
    made = builder(**given)
    screen = console()
    screen.print(f"{len(made.config.contents.rows)} rows\n", markup=False)
    headings, *lines = made.summary()
    report = table(*headings)
    for line in lines:
        report.add_row(*line)
    screen.print(report)
    for what, names in made.gaps.items():
        if names:
            screen.print(f"\n{len(names)} {what}: {', '.join(map(repr, names))}", markup=False)
    screen.print()
    screen.print(columns_table({name: describe_column(kind) for name, kind in made.info.features.items()}))
    if out is not None:
        made.download_and_prepare()
        _save(with_paths(made.as_dataset("train")), out)
        screen.print(f"\nWrote {out}.", markup=False)
        if made.info.features.keys() & {"video", "frames"}:
            faces = "" if "video" in made.info.features else " --faces none"
            screen.print(f"Next: emollama-hf extract {out} --model MODEL --out FEATURES{faces}", markup=False)


def _checked(out: Path) -> Path:
    """`out` as an absolute path, if it is new or empty."""
    out = Path(os.path.abspath(out.expanduser()))
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise SourceError(f"--out {out}: is there already. Choose a new directory, or remove it.")
    return out


def with_paths(ds: Dataset) -> Dataset:
    """The rows with their videos as text: saving a column of videos would copy every recording."""
    for name, kind in ds.features.items():
        if isinstance(kind, Video):
            paths = Dataset.from_dict({name: stored_paths(ds, name)}, features=Features({name: Value("string")}))
            columns = ds.column_names
            ds = concatenate_datasets([ds.remove_columns(name), paths], axis=1).select_columns(columns)
    return ds


def _save(ds: Dataset, out: Path) -> None:
    """Save beside `out` and rename, so that it is never half a data set."""
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        ds.save_to_disk(str(partial))
        if out.is_dir():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
