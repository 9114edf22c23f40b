"""A shared folder may be anybody's: no command that is given one changes, copies or follows anything outside of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emollama_hf import load, push
from emollama_hf.commands.export import run_export
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import UnsafeManifest
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.verify import verify
from emollama_hf.work_store.work_store import INSIDE_OUT, make_root
from tests.paths import contents, hostile
from tests.sharing.tiny_sets import tiny

COMMANDS: dict[str, Callable[[Path], object]] = {
    "push": lambda place: push(tiny(["a1", "b1", "c1"]), place),
    "push --replace": lambda place: push(tiny(["a1", "b1"], seed=5), place, replace=True),
    "push again": lambda place: push(place, place.parent / "elsewhere"),
    "forget": lambda place: forget(place, {"participant_id": "a"}),
    "load": lambda place: load(place),
    "verify": lambda place: verify(place, tiny(["a1"])),
    "export": lambda place: run_export(str(place), place.parent / "npy", columns=["facemae"]),
}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shared set, and a private one of the same names beside it."""
    lab = tmp_path_factory.mktemp("lab")
    push(tiny(["a1", "b1"]), lab / "shared")
    push(tiny(["a1", "b1"], note="PRIVATE", seed=9), lab / "private")
    return lab


def copied(sets: Path, target: Path) -> tuple[Path, Path]:
    shutil.rmtree(target, ignore_errors=True)
    for name in ("shared", "private"):
        shutil.copytree(sets / name, target / name)
    return target / "shared", target / "private"


def rename_file(place: Path, name: str) -> None:
    """Let the manifest name its file otherwise."""
    found: dict[str, Any] = json.loads((place / "provenance.json").read_text())
    files = found["configs"]["default"]["files"]
    files[name] = files.pop(next(iter(files)))
    (place / "provenance.json").write_text(json.dumps(found))


def check_untouched(place: Path, run: Callable[[], object]) -> None:
    """Run something, and compare all around the place with what was there."""
    lab = place.parent
    before = {path: what for path, what in contents(lab).items() if not path.startswith("shared/")}
    with suppress(ShareError, ValueError, OSError):
        run()
    after = {path: what for path, what in contents(lab).items() if not path.startswith("shared/")}
    assert {path: what for path, what in after.items() if path in before} == before
    copies = [path for path in (lab / one for one in after if one not in before) if _is_private(path)]
    copies += [path for path in place.rglob("*") if not path.is_symlink() and _is_private(path)]
    assert not copies


def _is_private(path: Path) -> bool:
    """Whether a file has the rows of the private set."""
    if path.suffix == ".parquet":
        return "PRIVATE" in pq.read_table(path).column("note").to_pylist()
    return path.suffix == ".npy" and bool(np.load(path)[0] == 9)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "form", ["../private/data/{}", "data/../../private/data/{}", "{absolute}", "data//{}", "./data/{}"]
)
def test_a_manifest_that_names_files_elsewhere(form: str, command: str, sets: Path, tmp_path: Path) -> None:
    place, private = copied(sets, tmp_path / "lab")
    [victim] = (private / "data").iterdir()
    rename_file(place, form.format(victim.name, absolute=victim))
    check_untouched(place, lambda: COMMANDS[command](place))
    if command.startswith(("push", "forget")):
        with pytest.raises(UnsafeManifest, match="Nothing was changed"):
            COMMANDS[command](place)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=hostile, command=st.sampled_from(["push --replace", "forget"]))
def test_a_manifest_that_names_anything(name: str, command: str, sets: Path, tmp_path: Path) -> None:
    place, _ = copied(sets, tmp_path / "lab")
    rename_file(place, name)
    check_untouched(place, lambda: COMMANDS[command](place))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("link", ["data", "file", "provenance.json", "README.md", ".push.lock", "part"])
def test_links_that_lead_elsewhere(link: str, command: str, sets: Path, tmp_path: Path) -> None:
    place, private = copied(sets, tmp_path / "lab")
    [file] = (place / "data").iterdir()
    [victim] = (private / "data").iterdir()
    victim.rename(victim.with_name(file.name))
    path = place / {"file": f"data/{file.name}", "part": ".provenance.json.part"}.get(link, link)
    target = private / path.relative_to(place)
    if link in ("part", ".push.lock"):
        target = private / "README.md"
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))
    check_untouched(place, lambda: COMMANDS[command](place))
    if link in ("data", "file", "provenance.json") and command != "verify":
        with pytest.raises((UnsafeManifest, ShareError), match="link to something outside"):
            COMMANDS[command](place)


@pytest.mark.parametrize("path", ["../private/data/*.parquet", "{private}/data/*.parquet", "file://{private}/data/*"])
def test_a_card_that_opens_files_elsewhere(path: str, sets: Path, tmp_path: Path) -> None:
    place, private = copied(sets, tmp_path / "lab")
    [file] = (place / "data").iterdir()
    card = (place / "README.md").read_text()
    (place / "README.md").write_text(card.replace(f"data/{file.name}", path.format(private=private), 1))
    with pytest.raises(ValueError, match="opens files outside of"):
        load(place)


@pytest.mark.parametrize("link", ["store", "shards", "CACHEDIR.TAG", "row_keys.json.part"])
def test_a_work_store_that_leads_elsewhere_is_not_cleared(link: str, sets: Path, tmp_path: Path) -> None:
    place, private = copied(sets, tmp_path / "lab")
    for folder in (place, private):
        make_root(folder / INSIDE_OUT)
        (folder / INSIDE_OUT / "shards" / "one").mkdir(parents=True)
        (folder / INSIDE_OUT / "shards" / "one" / "manifest.json").write_text("{}")
        (folder / INSIDE_OUT / "row_keys.json.part").write_text("{}")
    path = place / INSIDE_OUT if link == "store" else place / INSIDE_OUT / link
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    path.symlink_to(private / path.relative_to(place))
    check_untouched(place, lambda: forget(place, {"participant_id": "a"}))
    with pytest.raises(ShareError, match="changes nothing there"):
        forget(place, {"participant_id": "a"})


# Where a push may go


@pytest.mark.parametrize("spelling", ["{}", "{}/", "{}/.", "{}/../shared", "file://{}", "link"])
def test_a_set_is_not_pushed_into_itself(spelling: str, sets: Path, tmp_path: Path) -> None:
    place, _ = copied(sets, tmp_path / "lab")
    (tmp_path / "link").symlink_to(place)
    target = str(tmp_path / "link") if spelling == "link" else spelling.format(place)
    before = contents(tmp_path)
    for inside in ("", "/below"):
        with pytest.raises(ShareError, match="would be pushed"):
            push(place, f"{target}{inside}")
    with pytest.raises(ShareError, match="lies around"):
        push(place, place.parent)
    with pytest.raises(ShareError, match="lies inside of the feature data set"):
        push(tiny(["a1"]), place / "below")
    assert contents(tmp_path) == before


def test_a_link_that_leads_nowhere_and_a_file_are_no_directory_to_push_to(tmp_path: Path) -> None:
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("x")
    for name, message in [("dead", "leads nowhere"), ("loop", "leads nowhere"), ("dead/below", "leads nowhere"),
                          ("file", "is a file"), ("file/below", "is a file")]:  # fmt: skip
        with pytest.raises(ShareError, match=message):
            push(tiny(["a1"]), tmp_path / name)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["notes.txt", "README.md", "data/notes.txt", "src/main.py"])
def test_a_directory_with_other_things_is_not_pushed_to(name: str, tmp_path: Path) -> None:
    (tmp_path / "place" / name).parent.mkdir(parents=True)
    (tmp_path / "place" / name).write_text("mine")
    with pytest.raises(ShareError, match="holds no feature data set, but"):
        push(tiny(["a1"]), tmp_path / "place")
    assert list(contents(tmp_path / "place")) == [name]
