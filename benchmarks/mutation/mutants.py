"""Mutants of the package: mutmut's small changes, a random sample of them, and one of them put into the code.

A mutant is kept as the lines that it replaces, with as many lines around them as tell the position apart from any
other. So it still fits after the code beside it has changed, and a sample drawn once can be run again later.
"""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import libcst
from mutmut.configuration import config
from mutmut.mutation.file_mutation import Mutation, create_mutations, deep_replace
from mutmut.utils.file_utils import walk_mutatable_files


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        path: The file, relative to the checkout.
        old: The lines that change and unchanged lines around them.
        new: The same lines after the change.
        lines: The changed statement's lines without their indentation, as tests reach them.
    """

    path: str
    old: str
    new: str
    lines: tuple[str, ...]

    @property
    def package(self) -> str:
        """The folder of the package that the file is in, `contracts` for a file beside the folders."""
        return package_of(self.path)

    def diff(self) -> str:
        changes = difflib.unified_diff(self.old.splitlines(), self.new.splitlines(), lineterm="", n=1)
        return "\n".join(line for line in changes if not line.startswith(("---", "+++", "@@")))

    def put_into(self, source: str) -> str | None:
        """The source with this change; None if the lines that it changes are no longer in it, or no longer once."""
        return source.replace(self.old, self.new) if source.count(self.old) == 1 else None


def package_of(path: str, known: Container[str] | None = None) -> str:
    """Second part of a path below a folder, such as `store` of `emollama_hf/planning/task.py`; else `contracts`."""
    parts = Path(path).parts
    return parts[1] if len(parts) > 2 and (known is None or parts[1] in known) else "contracts"


def draw(number: int, seed: int) -> list[Mutant]:
    """Mutants of the files that `[tool.mutmut]` names, in random order; the same for the same code, number and seed."""
    parsed = {path: create_mutations(str(path), path.read_text())[:2] for path in sorted(walk_mutatable_files())}
    every = [
        (path, module, mutation)
        for path, (module, mutations) in parsed.items()
        for mutation in mutations
        if not _is_wording(mutation.original_node)
    ]
    random.Random(seed).shuffle(every)
    drawn: dict[Mutant, None] = {}  # a dict keeps the order; two changes can lead to the same code
    for path, module, mutation in every:
        if len(drawn) == number:
            break
        mutant = _mutant(path, module, mutation)
        if mutant is not None:
            drawn[mutant] = None
    return list(drawn)


def _is_wording(node: libcst.CSTNode) -> bool:
    """Whether the node is a sentence: its upper case, or XX around it, says nothing about what the code does."""
    return isinstance(node, libcst.SimpleString) and " " in str(node.evaluated_value)


def _mutant(path: Path, module: libcst.Module, mutation: Mutation) -> Mutant | None:
    old = module.code
    new = deep_replace(module, mutation.original_node, mutation.mutated_node).code  # type: ignore[union-attr]
    if ast.dump(ast.parse(old)) == ast.dump(ast.parse(new)):
        return None
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    changed = [code for code in difflib.SequenceMatcher(None, before, after, False).get_opcodes() if code[0] != "equal"]
    first, last = changed[0][1], changed[-1][2]
    shift = changed[-1][4] - last
    statement = _statement(ast.parse(old), first + 1)
    lines = tuple(line.strip() for line in before[statement[0] - 1 : statement[1]] if line.strip())
    around = 0
    while True:
        start, stop = max(0, first - around), min(len(before), last + around)
        text = "".join(before[start:stop])
        if old.count(text) == 1:
            return Mutant(str(path), text, "".join(after[start : stop + shift]), lines)
        around += 1


def _statement(tree: ast.Module, line: int) -> tuple[int, int]:
    """First and last line of the innermost statement at a line; of a statement with a body, its head alone."""
    heads = []
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
            if node.lineno <= line <= last:
                heads.append((node.lineno, last))
    return max(heads, default=(line, line))


def test_files() -> list[str]:
    """The files of tests to run against mutants: those that `[tool.mutmut]` names, without those that it ignores."""
    ignored = {option.removeprefix("--ignore=") for option in config().pytest_add_cli_args}
    files: list[str] = []
    for name in config().pytest_add_cli_args_test_selection:
        path = Path(name)
        files += sorted(map(str, path.rglob("test_*.py"))) if path.is_dir() else [name]
    return [name for name in files if name not in ignored]


def pytest_options() -> list[str]:
    """Options of pytest for the tests of mutants: one process, nothing kept, and what `[tool.mutmut]` adds."""
    return ["-q", "-p", "no:cacheprovider", "-o", "addopts=", *config().pytest_add_cli_args]
