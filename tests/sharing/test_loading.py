"""Colleagues open features with what they have, in processes where this package cannot be imported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from emollama_hf import push
from tests.hub import Hub, hub
from tests.sharing.clients import ROOT, WITHOUT_PACKAGE, run
from tests.sharing.labs import lab

REPO = "org/mindwandering-emollama"
#: What every way of opening has to find.
STATE = "{'uuid': ['u1', 'u2', 'u3', 'u4', 'u5', 'u6'], 'shape': (6, 32)}"


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lab(tmp_path_factory.mktemp("lab"), 1, 2, 3, 4, 5, 6)


@pytest.fixture(scope="module")
def directory(features: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shared directory of two pushes, so that there are two files."""
    folder = tmp_path_factory.mktemp("shared") / "mw"
    push(lab(folder.parent, 1, 2, 3), folder)
    push(features, folder)
    return folder


@pytest.fixture(scope="module")
def server(features: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The same on a Hub, in a private repository."""
    home = tmp_path_factory.mktemp("home")
    with hub() as running:
        for source in (lab(tmp_path_factory.mktemp("first"), 1, 2, 3), features):
            run(f"import emollama_hf; emollama_hf.push({str(source)!r}, {REPO!r})", running.environment(home))
        assert running.repo(REPO).private
        yield running


def colleague(code: str, environment: dict[str, str]) -> str:
    return run(f"{WITHOUT_PACKAGE}{code}", environment).stdout


def opened(place: str) -> str:
    """Code that opens with `datasets` in every usual way, and checks that the rows are there."""
    return f"""
import torch
from datasets import load_dataset
from torch.utils.data import DataLoader

ds = load_dataset({place!r}, split="train")
assert ds["uuid"] == ["u1", "u2", "u3", "u4", "u5", "u6"], ds["uuid"]
assert ds.features["facemae"].length == 32 and ds.features["mw_label"].names == ["NonMW", "MW"], ds.features
ok = ds.filter(lambda status: status == "ok", input_columns="emollama_status")
batches = list(DataLoader(ok.with_format("torch").select_columns(["facemae", "mw_label"]), batch_size=4))
assert [tuple(batch["facemae"].shape) for batch in batches] == [(4, 32), (2, 32)]
assert batches[0]["facemae"].dtype == torch.float32 and batches[0]["mw_label"].tolist() == [1, 0, 1, 0]
stream = load_dataset({place!r}, split="train", streaming=True)
rows = list(stream.with_format("torch"))
assert [row["uuid"] for row in rows] == ds["uuid"] and tuple(rows[0]["facemae"].shape) == (32,)
assert torch.equal(rows[5]["facemae"], ds.with_format("torch")[5]["facemae"])
print("all there")
"""


def test_a_directory_opens_with_datasets(directory: Path, tmp_path: Path) -> None:
    assert "all there" in colleague(opened(str(directory)), {"HF_HOME": str(tmp_path)})


def test_a_repository_opens_with_datasets(server: Hub, tmp_path: Path) -> None:
    first = len(server.requests)
    assert "all there" in colleague(opened(REPO), server.environment(tmp_path))
    assert any(request.range for request in server.requests[first:]), "streaming reads parts"


def test_a_repository_that_was_opened_opens_without_network(server: Hub, tmp_path: Path) -> None:
    code = f'from datasets import load_dataset\nprint(len(load_dataset("{REPO}", split="train")))'
    assert "6" in colleague(code, server.environment(tmp_path))
    requests = len(server.requests)
    assert "6" in colleague(code, {**server.environment(tmp_path), "HF_HUB_OFFLINE": "1"})
    assert len(server.requests) == requests


def test_a_repository_opens_with_pandas_over_hf(server: Hub, tmp_path: Path) -> None:
    code = f"""
import pandas as pd
from huggingface_hub import HfFileSystem
files = sorted(HfFileSystem().glob("datasets/{REPO}/data/*.parquet"))
assert len(files) == 2, files
table = pd.concat([pd.read_parquet(f"hf://{{file}}") for file in files])
print({{"uuid": table["uuid"].tolist(), "shape": (len(table), len(table["facemae"].iloc[0]))}})
"""
    assert STATE in colleague(code, server.environment(tmp_path))


def test_a_repository_opens_with_duckdb_and_polars_over_hf(server: Hub, tmp_path: Path) -> None:
    """Through the file system of huggingface_hub: their own `hf://` knows no other Hub than the public one."""
    code = f"""
import duckdb, polars as pl
from huggingface_hub import HfFileSystem
duckdb.register_filesystem(HfFileSystem())
rows = duckdb.sql("select uuid, facemae from 'hf://datasets/{REPO}/data/*.parquet' order by uuid").fetchall()
print({{"uuid": [row[0] for row in rows], "shape": (len(rows), len(rows[0][1]))}})
files = sorted(HfFileSystem().glob("datasets/{REPO}/data/*.parquet"))
table = pl.concat([pl.read_parquet(HfFileSystem().open(file)) for file in files])
print({{"uuid": table["uuid"].to_list(), "shape": (len(table), len(table["facemae"][0]))}})
"""
    assert colleague(code, server.environment(tmp_path)).count(STATE) == 2


@pytest.mark.parametrize(
    "code",
    [
        'import pandas as pd\ntable = pd.concat(pd.read_parquet(f) for f in files)\nuuid = table["uuid"].tolist()\n'
        'first = table["facemae"].iloc[0]',
        'import polars as pl\ntable = pl.scan_parquet(files).collect()\nuuid = table["uuid"].to_list()\n'
        'first = table["facemae"][0]',
        'import duckdb\nrows = duckdb.sql(f"select uuid, facemae from read_parquet({files})").fetchall()\n'
        "uuid = [row[0] for row in rows]\nfirst = rows[0][1]",
        'import pyarrow.dataset as pads\ntable = pads.dataset(files).to_table()\nuuid = table["uuid"].to_pylist()\n'
        'first = table["facemae"][0].as_py()',
    ],
    ids=["pandas", "polars", "duckdb", "pyarrow"],
)
def test_a_directory_opens_with_other_readers(code: str, directory: Path, tmp_path: Path) -> None:
    find = f"from glob import glob\nfiles = sorted(glob({str(directory / 'data' / '*.parquet')!r}))\n"
    show = "\nprint({'uuid': list(uuid), 'shape': (len(uuid), len(first))})"
    assert STATE in colleague(find + code + show, {"HF_HOME": str(tmp_path)})


def test_the_training_example_of_the_documentation_runs(server: Hub, tmp_path: Path) -> None:
    """Three lines on the loaded columns, with folds; as printed, but for the name of the repository."""
    text = (ROOT / "dataset_scripts" / "README.md").read_text()
    section = text[text.index("## Training on what was loaded") :]
    code, _, short = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[:3]
    assert "org/mindwandering-emollama" in code
    said = colleague(code, server.environment(tmp_path))
    assert re.search(r"\d\.\d", said), said
    with_load = re.sub(r"ds = load_dataset.*?(?=model =)", lambda _: short, code, flags=re.DOTALL)
    assert "emollama_hf.load" in with_load
    assert "load_dataset(" not in with_load
    assert run(with_load, server.environment(tmp_path)).stdout == said
