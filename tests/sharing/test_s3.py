"""The same on an object store: moto's S3 over HTTP, through fsspec."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from emollama_hf import ShareError, push
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.places import folder_place
from emollama_hf.sharing.verify import verify
from tests.sharing.clients import WITHOUT_PACKAGE, run
from tests.sharing.labs import lab, rows

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCY"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Where S3 is, and its login, as users have them in their environment; an empty bucket "lab"."""
    settings = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    bucket = boto3.resource("s3").Bucket("lab")
    bucket.create()
    yield {**settings, "HF_HUB_OFFLINE": "0"}
    bucket.objects.delete()
    bucket.delete()


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lab(tmp_path_factory.mktemp("lab"), 1, 2, 3, 4)


def objects() -> list[str]:
    return sorted(one.key for one in boto3.resource("s3").Bucket("lab").objects.all())


def text(key: str) -> str:
    content: bytes = boto3.client("s3").get_object(Bucket="lab", Key=key)["Body"].read()
    return content.decode()


def test_the_cards_line_opens_the_rows(features: Path, environment: dict[str, str], tmp_path: Path) -> None:
    done = push(features, "s3://lab/affect/mw")
    assert [name.rpartition("/")[2][:12] for name in objects()] == ["README.md", "train-00000-", "provenance.j"]
    [line] = [line for line in text("affect/mw/README.md").splitlines() if line.startswith("ds = load_dataset(")]
    assert line == f"ds = {done.opening}"
    code = f"""{WITHOUT_PACKAGE}
from datasets import Array2D, load_dataset
{line}
assert ds["uuid"] == ["u1", "u2", "u3", "u4"], ds["uuid"]
assert isinstance(ds.features["face_boxes"], Array2D), ds.features
assert tuple(ds.with_format("torch")["facemae"][:].shape) == (4, 32)
"""
    run(code, {**environment, "HF_HOME": str(tmp_path)})


def test_many_files_are_opened_by_the_manifest(
    features: Path, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_place, "NAMED_FILES", 0)
    done = push(features, "s3://lab/mw")
    run(
        f"{WITHOUT_PACKAGE}from datasets import load_dataset\nassert len({done.opening}) == 4",
        {**environment, "HF_HOME": str(tmp_path)},
    )


def test_new_rows_are_new_objects_and_the_manifest_is_the_last(
    features: Path, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(features, "s3://lab/mw")
    first = objects()
    written: list[str] = []
    system: Any = fsspec.filesystem("s3")
    put_file = system.put_file

    def noted(here: str, there: str, **more: Any) -> None:
        written.append(there)
        put_file(here, there, **more)

    monkeypatch.setattr(system, "put_file", noted)
    push(lab(tmp_path, 5, 6), "s3://lab/mw")
    assert [name.rpartition("/")[2][:12] for name in written] == ["train-00001-", "provenance.j", "README.md"]
    assert set(first) < set(objects())


def test_an_interrupted_push_goes_on(
    features: Path, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(features, "s3://lab/mw")
    before = {key: text(key) for key in objects() if not key.endswith(".parquet")}
    grown = lab(tmp_path, 1, 2, 3, 4, 5, 6)
    system: Any = fsspec.filesystem("s3")
    put_file = system.put_file

    def fails(here: str, there: str, **more: Any) -> None:
        if there.endswith("provenance.json"):
            raise OSError(f"connection lost to https://lab.s3/{there}?X-Amz-Signature={SECRET}")
        put_file(here, there, **more)

    monkeypatch.setattr(system, "put_file", fails)
    with pytest.raises(ShareError, match=r"s3://lab/mw: connection lost.*do the same again") as raised:
        push(grown, "s3://lab/mw")
    assert SECRET not in str(raised.value)
    assert {key: text(key) for key in before} == before, "readers are led to the old rows"
    monkeypatch.setattr(system, "put_file", put_file)
    there = {one.key: one.last_modified for one in boto3.resource("s3").Bucket("lab").objects.all()}
    push(grown, "s3://lab/mw")
    after = {one.key: one.last_modified for one in boto3.resource("s3").Bucket("lab").objects.all()}
    assert all(after[key] == there[key] for key in there if key.endswith(".parquet")), "nothing is sent twice"
    assert json.loads(text("mw/provenance.json"))["configs"]["default"]["rows"] == 6


def test_forget_and_verify(features: Path, environment: dict[str, str], tmp_path: Path) -> None:
    push(features, "s3://lab/mw")
    clips = rows(tmp_path / "clips", 1, 2, 3, 4)
    assert verify("s3://lab/mw", clips, sample=2).holds
    done = forget("s3://lab/mw", {"participant_id": "P1"})
    assert (done.rows, done.rewritten, done.deleted) == (2, 1, 1)
    assert "versions" in done.still_held_by[0]
    assert len([key for key in objects() if key.endswith(".parquet")]) == 1
    assert "u1" not in text("mw/provenance.json")


def test_places_that_are_not_there(features: Path, environment: dict[str, str]) -> None:
    with pytest.raises(ShareError, match="s3://nobucket/mw: "):
        push(features, "s3://nobucket/mw")
    with pytest.raises(ShareError, match="has no tags"):
        push(features, "s3://lab/mw", tag="v1")


def test_credentials_in_a_url_are_shown_nowhere(features: Path) -> None:
    """Some file systems take a login in the URL."""
    memory = fsspec.filesystem("memory")
    place = folder_place.FolderPlace(f"memory://user:{SECRET}@lab/mw")
    assert SECRET not in place.name
    done = push(features, "memory://lab/plain")
    assert SECRET not in done.opening
    assert memory.exists("/lab/plain/provenance.json")
