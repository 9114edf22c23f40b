"""The test Hub is one that the libraries' own code talks to: nothing here is of this package."""

from __future__ import annotations

from pathlib import Path

from tests.hub import hub
from tests.sharing.clients import on_hub

CODE = """
from pathlib import Path

import numpy as np
from datasets import Dataset, load_dataset
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, HfFileSystem, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

api = HfApi()
ds = Dataset.from_dict({"n": list(range(100)), "v": list(np.ones((100, 4)))})
ds.push_to_hub("org/plain", private=True, num_shards=3)
ds.push_to_hub("org/plain", "second", num_shards=1)
assert load_dataset("org/plain", split="train")["n"] == ds["n"]
assert [row["n"] for row in load_dataset("org/plain", "second", split="train", streaming=True)] == list(range(100))
files = HfFileSystem().glob("datasets/org/plain/**/*.parquet")
assert len(files) == 4, files
local = Path(snapshot_download("org/plain", repo_type="dataset"))
assert sorted(path.name for path in local.iterdir()) == [".gitattributes", "README.md", "data", "second"]
before = api.repo_info("org/plain", repo_type="dataset").sha
first = files[0].removeprefix("datasets/org/plain/")
operations = [CommitOperationAdd("notes.txt", b"hello"), CommitOperationDelete(first)]
api.create_commit("org/plain", operations, commit_message="one", repo_type="dataset", parent_commit=before)
try:
    api.create_commit("org/plain", [CommitOperationAdd("a.txt", b"a")], commit_message="two", repo_type="dataset",
                      parent_commit=before)
    raise SystemExit("a stale parent was accepted")
except HfHubHTTPError as error:
    assert error.response.status_code == 412
api.create_tag("org/plain", tag="v1", repo_type="dataset")
api.create_branch("org/plain", branch="side", repo_type="dataset")
refs = api.list_repo_refs("org/plain", repo_type="dataset")
assert ([ref.name for ref in refs.branches], [ref.name for ref in refs.tags]) == (["main", "side"], ["v1"])
try:
    api.repo_info("org/plain", repo_type="dataset", token=False)
    raise SystemExit("a private repository was shown to a stranger")
except RepositoryNotFoundError:
    pass
print("all done")
"""


def test_libraries_push_and_load(tmp_path: Path) -> None:
    with hub() as server:
        assert "all done" in on_hub(server, tmp_path, CODE)
        assert any(request.status == 206 for request in server.requests), "streaming asks for parts"
        assert len(server.uploads) == len(set(server.uploads))


def test_faults_happen_when_they_are_asked_for(tmp_path: Path) -> None:
    code = """
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("org/x", repo_type="dataset")
for data in (b"a" * 50_000, b"b" * 50_000):
    try:
        api.upload_file(path_or_fileobj=data, path_in_repo="x.parquet", repo_id="org/x", repo_type="dataset")
        print("sent", "all")
    except Exception as error:
        print("failed", type(error).__name__)
"""
    with hub() as server:
        server.fail("PUT", "/lfs/", status=400)
        told = on_hub(server, tmp_path, code).split()
        assert (told[0], told[2]) == ("failed", "sent")
        assert len(server.repo("org/x").commits()) == 2
