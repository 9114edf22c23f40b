"""`emollama-hf verify`: shared features against clips, and how far they are apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.key_secret import read_secret
from emollama_hf.commands.report import console, table
from emollama_hf.console.terminal import shown_text


def run_verify(target: str, source: str, *, key_secret: Path | None, **options: Any) -> int:
    """Verify, and print what was compared.

    Args:
        target: a repository on the Hub, a URL or a directory.
        source: the clips, as `extract` takes them.
        key_secret: the file of what hashed names were hashed with.
        options: as `emollama_hf.verify`.

    Returns:
        The number of rows that deviate.

    Raises:
        ShareError, ModelError, ValueError: as `emollama_hf.verify`.
    """
    quiet_unless_terminal(log_shards=False)
    from emollama_hf.feature_set.feature_set import CARD_DIFFERS
    from emollama_hf.sharing.limits import allowed_text
    from emollama_hf.sharing.verify import verify

    done = verify(target, source, key_secret=read_secret(key_secret), **options)
    screen = console()
    files = f"{done.checked_files} of {done.checked_files + done.unchecked_files} files were checked by their sha256"
    unchecked = ", the others would have to be read for that" if done.unchecked_files else ""
    screen.print(f"{shown_text(done.place)}, configuration {done.config}: {files}{unchecked}.\n", markup=False)
    if done.card_differs:
        screen.print(f"README.md there {CARD_DIFFERS} The rows do not hang on it.\n", markup=False)
    columns = list(dict.fromkeys(check.column for row in done.rows for check in row.columns))
    report = table("row", *columns)
    for row in done.rows:
        found = {check.column: check for check in row.columns}
        cells = [_cell(found[name]) if name in found else "-" for name in columns]
        report.add_row(row.name, *cells)
    if columns:
        screen.print(report)
        screen.print(
            "\nEach number is a deviation as a share of what is allowed: up to 1 holds. "
            + allowed_text(columns, done.limits),
            markup=False,
        )
        differences = [check.difference for row in done.rows for check in row.columns if check.difference is not None]
        if differences:
            screen.print(
                "The hidden states were computed with another quantization than stated and are held to no limit: their "
                "differences (root mean square, as a share of the row's spread) are at most "
                f"{max(differences):.2%}, on average {sum(differences) / len(differences):.2%}.",
                markup=False,
            )
    for row in done.rows:
        if row.problem:
            screen.print(shown_text(f"{row.name}: could not be computed: {row.problem}"), markup=False)
    failed = [row for row in done.rows if not row.holds]
    wrong, unknown = sum(row.problem is None for row in failed), sum(row.problem is not None for row in failed)
    verdicts = [f"{wrong} not what they say"] * bool(wrong) + [f"{unknown} could not be computed"] * bool(unknown)
    aside = ", hidden states aside" if any(c.difference is not None for row in done.rows for c in row.columns) else ""
    if len(done.rows) < options["sample"]:
        screen.print(f"\nNo more than {len(done.rows)} rows have features there and a clip here.", markup=False)
    screen.print(f"\n{len(done.rows)} rows: {', '.join(verdicts) or f'all are what they say{aside}'}.", markup=False)
    return len(failed)


def _cell(check: Any) -> str:
    return f"{check.deviation:.2g}" if check.difference is None else f"{check.difference:.2%} away"
