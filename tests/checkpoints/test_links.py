"""Files of a model that are links: the Hub cache's own are read, those that lead elsewhere are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emollama_hf.checkpoints import open_model
from emollama_hf.errors import ModelError
from emollama_hf.files.links import check_links
from emollama_hf.tensors.shards import read_index


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model" / "facemae").mkdir(parents=True)
    (tmp_path / "model" / "facemae" / "config.json").write_text("{}")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "config.json").write_text('{"secret": 1}')
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("facemae/config.json", "../../private/config.json"),
        ("facemae/config.json", "/etc/passwd"),
        ("facemae/model.safetensors", "../../private"),
        ("provenance.json", "../private/config.json"),
        ("facemae", "../private"),
    ],
)
def test_a_link_to_elsewhere_is_refused(name: str, target: str, model: Path) -> None:
    if (model / name).exists():
        (model / name).rename(model / "moved")
    (model / name).symlink_to(target)
    with pytest.raises(ModelError, match="is a link to something outside of"):
        open_model(model).config("facemae")


@pytest.mark.parametrize("target", ["nowhere", "model.safetensors"])
def test_a_link_that_leads_nowhere_is_said(target: str, model: Path) -> None:
    (model / "facemae" / "model.safetensors").symlink_to(target)
    with pytest.raises(ModelError, match="is a link that leads nowhere"):
        open_model(model).config("facemae")


def test_links_within_a_model_and_into_the_cache_of_the_hub_are_read(model: Path, tmp_path: Path) -> None:
    (model / "facemae" / "config.json").rename(model / "shared.json")
    (model / "facemae" / "config.json").symlink_to("../shared.json")
    assert open_model(model).config("facemae") == {}
    repository = tmp_path / "models--org--name"
    (repository / "blobs").mkdir(parents=True)
    (repository / "blobs" / "abc").write_text('{"norm_eps": 1e-6}')
    snapshot = repository / "snapshots" / "0123" / "facemae"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").symlink_to("../../../blobs/abc")
    assert open_model(snapshot.parent).config("facemae") == {"norm_eps": 1e-6}
    check_links(snapshot)


@pytest.mark.parametrize("name", ["../x", "a/x", "a\\x", "..", ".", "/x", "C:x", "", "x\0", "\u2044", "-x", ".x", "x "])
def test_an_index_names_files_beside_itself(name: str, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"weight_map": {"tensor": name}}))
    with pytest.raises(ModelError, match="names files of other folders, or with strange names") as told:
        read_index(tmp_path / "index.json")
    assert str(told.value).isprintable()
