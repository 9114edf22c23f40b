"""Imports point one way: a module imports nothing of a folder further along a clip's way."""

from __future__ import annotations

import ast
from pathlib import Path

import emollama_hf

PACKAGE = Path(emollama_hf.__file__).parent
#: Each folder or module may import those before it, and those of its own row. The package itself, which names what is
#: public, and its version are at both ends.
ORDER = (
    ("text",),
    ("console",),
    ("errors",),
    ("schema", "files"),
    ("rows", "computing", "defaults"),
    ("measures", "tensors"),
    ("encoders", "models"),
    ("checkpoints",),
    ("conversion", "frames", "sound"),
    ("pretrained",),
    ("demo",),
    ("stages",),
    ("privacy",),
    ("work_store",),
    ("planning",),
    ("engines",),
    ("feature_set",),
    ("extraction",),
    ("sharing",),
    ("evaluation", "probing"),
    ("training",),
    ("commands",),
    ("command_options",),
    ("cli",),
)
RANK = {name: rank for rank, row in enumerate(ORDER) for name in row}


def imported(path: Path) -> set[str]:
    """The folders and modules of this package that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("emollama_hf"):
            inner = node.module.split(".")[1:]
            found |= {inner[0]} if inner else {alias.name for alias in node.names}
    return found & set(RANK)


def test_every_folder_has_its_place() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert there - {"__init__"} == set(RANK)


def test_no_import_runs_back() -> None:
    back = {}
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if own != "__init__":
            back[str(path.relative_to(PACKAGE))] = sorted(name for name in imported(path) if RANK[name] > RANK[own])
    assert {path: names for path, names in back.items() if names} == {}


def test_a_transform_knows_no_stage() -> None:
    """A stage is a transform; what runs transforms names the part of a stage that it runs, a step."""
    for name in ("transform", "running", "failing", "step"):
        assert "emollama_hf.stages.stage" not in (PACKAGE / "stages" / f"{name}.py").read_text()
