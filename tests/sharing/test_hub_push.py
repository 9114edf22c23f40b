"""Publishing to a Hub over HTTP, with the real client, and a Hub that fails when it is told to."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.ray_processes import until
from tests.hub import Hub, hub
from tests.sharing.clients import on_hub, start
from tests.sharing.labs import lab

REPO = "org/mindwandering"


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips in one directory; small files, so that there are several."""
    return lab(tmp_path_factory.mktemp("lab"), 1, 2, 3, 4, 5, 6)


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub() as running:
        yield running


SMALL_FILES = """
from emollama_hf.sharing import staging
from emollama_hf.feature_set import feature_rows
staging.SHARD_BYTES = feature_rows.MOST_ROWS = 1
"""


def push_code(source: Path, *, small_files: bool = False, **options: object) -> str:
    """Code that pushes and prints what was done. small_files: one for each row."""
    small = SMALL_FILES if small_files else ""
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return (
        f"{small}import emollama_hf\n"
        "try:\n"
        f"    done = emollama_hf.push({str(source)!r}, {REPO!r}{given})\n"
        "    print('DONE', done.added, done.replaced, done.unchanged, len(done.files))\n"
        "except emollama_hf.ShareError as error:\n"
        "    print('ERROR', error)\n"
    )


def test_a_new_repository_is_private_and_one_commit(features: Path, server: Hub, tmp_path: Path) -> None:
    told = on_hub(server, tmp_path, push_code(features, tag="v1"))
    assert "DONE 6 0 0 3" in told
    repo = server.repo(REPO)
    assert repo.private
    assert [commit.title for commit in repo.commits()] == ["emollama_hf: add 6 clips (default)", "initial commit"]
    assert repo.tags == {"v1": repo.branches["main"]}
    names = sorted(repo.files())
    assert [name[:17] for name in names] == [".gitattributes", "README.md", "data/train-00000-", "provenance.json"]
    told = on_hub(server, tmp_path, f"{push_code(features)}\n{push_code(features, tag='v1')}")
    assert "DONE 0 0 6 0" in told
    assert "ERROR org/mindwandering was pushed, but it has a tag 'v1' already" in told
    assert len(repo.commits()) == 2


def test_a_public_repository_is_refused_unless_it_is_meant(features: Path, server: Hub, tmp_path: Path) -> None:
    on_hub(server, tmp_path, push_code(features, private=False))
    assert not server.repo(REPO).private
    other = lab(tmp_path, 7)
    assert "ERROR org/mindwandering is public" in on_hub(server, tmp_path, push_code(other))
    assert "DONE 1 0 0" in on_hub(server, tmp_path, push_code(other, private=False))


def test_branches(features: Path, server: Hub, tmp_path: Path) -> None:
    on_hub(server, tmp_path, push_code(features, revision="lab-2"))
    repo = server.repo(REPO)
    assert "provenance.json" in repo.files("lab-2")
    assert "provenance.json" not in repo.files("main")
    assert 'revision="lab-2"' in repo.files("lab-2")["README.md"].decode()


def test_only_new_shards_are_sent(features: Path, server: Hub, tmp_path: Path) -> None:
    on_hub(server, tmp_path, push_code(features))
    first = len(server.uploads)
    assert "DONE 2 0 0" in on_hub(server, tmp_path, push_code(lab(tmp_path, 7, 8)))
    sent = [server.repo(REPO).names[oid] for oid in server.uploads[first:]]
    assert len(sent) == 1
    assert sent[0].startswith("data/train-00001-")


def test_server_errors_and_dropped_connections_pass(features: Path, server: Hub, tmp_path: Path) -> None:
    server.fail("PUT", "/lfs/", status=503, times=1)
    server.fail("POST", "/preupload/", status=502, times=1)
    assert "DONE 6 0 0" in on_hub(server, tmp_path, push_code(features))
    assert len(server.repo(REPO).commits()) == 2


def test_what_was_sent_before_a_failure_is_not_sent_again(features: Path, server: Hub, tmp_path: Path) -> None:
    server.fail("PUT", "/lfs/", status=400, after=2, times=1000)
    told = on_hub(server, tmp_path, push_code(features, small_files=True))
    assert "ERROR org/mindwandering: the Hub failed" in told
    assert "push again to go on" in told
    assert len(server.repo(REPO).commits()) == 1, "readers see nothing of it"
    sent = set(server.uploads)
    assert len(sent) == 2
    server.faults.clear()
    assert "DONE 6 0 0" in on_hub(server, tmp_path, push_code(features, small_files=True))
    assert len(server.uploads) == len(set(server.uploads)) == 6
    assert sent <= set(server.uploads)


@pytest.mark.parametrize("moment", ["PUT", "commit"])
def test_a_killed_push_goes_on(moment: str, features: Path, server: Hub, tmp_path: Path) -> None:
    children: list[int] = []
    path = "/lfs/" if moment == "PUT" else "/commit/"

    def kill() -> None:
        until(lambda: len(server.uploads) >= 2)  # the files before it, which others send at the same time
        os.kill(children[0], signal.SIGKILL)

    server.fail("PUT" if moment == "PUT" else "POST", path, call=kill, drop=True, after=3 if moment == "PUT" else 0)
    child = start(push_code(features, small_files=True), server.environment(tmp_path))
    children.append(child.pid)
    child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL
    assert len(server.repo(REPO).commits()) == 1
    sent = len(server.uploads)
    assert sent >= 2
    assert "DONE 6 0 0" in on_hub(server, tmp_path, push_code(features, small_files=True))
    assert len(server.uploads) == len(set(server.uploads)), "nothing is sent twice"
    left = tmp_path / "datasets" / "emollama_hf" / "push"
    assert not list(left.iterdir()), "the killed push's files are cleared"


def test_somebody_else_was_faster(features: Path, server: Hub, tmp_path: Path) -> None:
    """Another lab's commit comes in between: both labs' rows are there in the end."""
    other = lab(tmp_path / "other", 7, 8)

    def meanwhile() -> None:
        on_hub(server, tmp_path / "elsewhere", push_code(other))

    on_hub(server, tmp_path, push_code(lab(tmp_path / "first", 9)))
    server.fail("POST", "/preupload/", call=meanwhile)
    assert "DONE 6 0 0" in on_hub(server, tmp_path, push_code(features))
    manifest = json.loads(server.repo(REPO).files()["provenance.json"])
    assert manifest["configs"]["default"]["rows"] == 9
    assert len(server.repo(REPO).commits()) == 4


def test_no_network_and_no_login(features: Path, server: Hub, tmp_path: Path) -> None:
    offline = 'import os; os.environ["HF_HUB_OFFLINE"] = "1"\n'
    told = on_hub(server, tmp_path, offline + push_code(features))
    assert "ERROR HF_HUB_OFFLINE is set" in told
    assert not server.requests
    told = on_hub(server, tmp_path, 'import os; del os.environ["HF_TOKEN"]\n' + push_code(features))
    assert "ERROR no login to the Hub was found. Run hf auth login" in told
    told = on_hub(server, tmp_path, push_code(features), token="hf_wrong")
    assert "ERROR org/mindwandering: the Hub refused" in told
    server.fail("GET", "/api/datasets/", drop=True, times=100)
    assert "ERROR org/mindwandering: the Hub failed" in on_hub(server, tmp_path, push_code(features))


def test_the_card_that_a_hub_refuses_is_one_error(features: Path, server: Hub, tmp_path: Path) -> None:
    told = on_hub(server, tmp_path, push_code(features, license="my own"))
    assert "ERROR org/mindwandering: the Hub failed (Invalid metadata in README.md. - license is not valid" in told


def test_no_token_is_anywhere(features: Path, server: Hub, tmp_path: Path) -> None:
    """Not in what is printed, logged at any level, published or kept; nor are signed links."""
    loud = 'import logging; logging.basicConfig(level=logging.DEBUG)\nimport os; os.environ["HF_DEBUG"] = "1"\n'
    server.fail("PUT", "/lfs/", status=503, times=2)
    told = on_hub(server, tmp_path / "home", loud + push_code(features))
    assert "DONE" in told
    server.fail("PUT", "/lfs/", status=400, times=100)
    failed = on_hub(server, tmp_path / "home", loud + push_code(lab(tmp_path, 7)))
    assert "ERROR" in failed
    texts = [told, failed, *(data.decode("utf-8", "replace") for data in server.repo(REPO).files().values())]
    texts += [path.read_text(errors="replace") for path in (tmp_path / "home").rglob("*") if path.is_file()]
    for text in texts:
        assert server.token not in text
        assert server.token[3:] not in text
