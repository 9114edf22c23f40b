"""A model directory is whole or absent, reads back bit for bit, and knows what it is."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from emollama_hf.checkpoints import ModelSource, open_model, write
from emollama_hf.checkpoints.part_files import part_files
from emollama_hf.checkpoints.write import write_model
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.emotion_llama.config_json import feature_size, visual_tokens
from emollama_hf.errors import ModelError
from emollama_hf.files.digest import files_digest, sha256_file
from tests.parts import ALL_PARTS

LLAMA = Path(__file__).parents[1] / "golden" / "checkpoints" / "llama"


@pytest.fixture(scope="module")
def tiny() -> ModelSource:
    return open_model("random-tiny")


@pytest.fixture(scope="module")
def written(tiny: ModelSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tiny, tmp_path_factory.mktemp("written") / "model")


def write_tiny(tiny: ModelSource, directory: Path, dtype: str = "bfloat16") -> Path:
    return write_model(
        directory,
        facemae=tiny.load("facemae", dtype=dtype),  # type: ignore[arg-type]
        videomae=tiny.load("videomae", dtype=dtype),  # type: ignore[arg-type]
        hubert=tiny.load("hubert", dtype=dtype),  # type: ignore[arg-type]
        emotion_llama=tiny.load("emotion_llama", dtype=dtype),  # type: ignore[arg-type]
        tokenizer=LLAMA,
        provenance={"converter": "test"},
    )


def load(source: ModelSource, part: str, dtype: str) -> dict[str, torch.Tensor]:
    network = source.load(part, dtype=dtype)  # type: ignore[arg-type]
    assert not network.training
    return find_encoder(part).weights(network).state_dict()


def touch_later(path: Path) -> None:
    """Give a file a time after everything that was written with it."""
    later = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(later, later))


@pytest.mark.parametrize("part", ALL_PARTS)
def test_reading_back_gives_the_same_bits(part: str, tiny: ModelSource, written: Path) -> None:
    before, after = load(tiny, part, "bfloat16"), load(open_model(written), part, "bfloat16")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    wider = load(open_model(written), part, "float32")
    assert all(torch.equal(before[name].float(), wider[name]) for name in before)


def test_widths_are_read_without_weights(tiny: ModelSource, written: Path) -> None:
    source = open_model(written)
    assert not source.is_random
    assert source.width("facemae") == tiny.width("facemae")
    assert source.width("videomae") == tiny.width("videomae")
    assert source.width("emotion_llama") == tiny.width("emotion_llama")
    assert feature_size(source.config("emotion_llama")) == feature_size(tiny.config("emotion_llama"))
    assert visual_tokens(source.config("emotion_llama"), 3) == visual_tokens(tiny.config("emotion_llama"), 3)


def test_shards_are_read_like_one_file(
    tiny: ModelSource, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "SHARD_BYTES", 1_000_000)
    sharded = write_tiny(tiny, tmp_path / "sharded")
    names = sorted(path.name for path in (sharded / "emotion_llama").glob("model*.safetensors"))
    assert len(names) > 1
    assert names[0] == f"model-00001-of-{len(names):05d}.safetensors"
    whole, parts = (load(open_model(path), "emotion_llama", "bfloat16") for path in (written, sharded))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    (sharded / "emotion_llama" / names[1]).unlink()
    with pytest.raises(ModelError, match=rf"lacks 1 of {len(names)} shards.*{names[1]}"):
        load(open_model(sharded), "emotion_llama", "bfloat16")


def test_provenance_has_the_digests_of_the_files(written: Path) -> None:
    provenance = json.loads((written / "provenance.json").read_text())
    assert provenance["converter"] == "test"
    for part in ALL_PARTS:
        files = part_files(written, part)
        assert open_model(written).digest(part) == provenance["parts"][part]["digest"]
        assert provenance["parts"][part]["digest"] == files_digest((f.name, sha256_file(f)) for f in files)
        assert {f.name for f in files} == set(provenance["parts"][part]["files"])
    assert "tokenizer.model" in provenance["parts"]["emotion_llama"]["files"]


def test_digest_does_not_depend_on_the_place_or_on_provenance(written: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(written, copy)
    digests = [open_model(written).digest(part) for part in ALL_PARTS]
    assert [open_model(copy).digest(part) for part in ALL_PARTS] == digests
    (copy / "provenance.json").unlink()
    assert [open_model(copy).digest(part) for part in ALL_PARTS] == digests


def test_the_recorded_hash_holds_while_size_and_time_do(written: Path, tmp_path: Path) -> None:
    """Gigabytes are not read again after a directory was moved, and are as soon as anything about a file changed."""
    copy = tmp_path / "model"
    shutil.copytree(written, copy, copy_function=shutil.copy2)
    weights = copy / "facemae" / "model.safetensors"
    before, recorded = weights.stat(), open_model(copy).digest("facemae")
    content = bytearray(weights.read_bytes())
    content[-2] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    shutil.move(copy, tmp_path / "moved")
    assert open_model(tmp_path / "moved").digest("facemae") == recorded, "the file was not read"
    moved = tmp_path / "moved" / "facemae" / "model.safetensors"
    for time in (before.st_mtime_ns + 1, before.st_mtime_ns - 10**12):  # older files, too, are other files
        os.utime(moved, ns=(time, time))
        assert open_model(tmp_path / "moved").digest("facemae") != recorded


@pytest.mark.parametrize("file", ["facemae/model.safetensors", "facemae/config.json"])
def test_a_changed_file_changes_its_part_only(file: str, written: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(written, copy)
    content = bytearray((copy / file).read_bytes())
    content[-2] ^= 1  # the size stays
    (copy / file).write_bytes(content)
    touch_later(copy / file)
    changed = [open_model(written).digest(part) != open_model(copy).digest(part) for part in ALL_PARTS]
    assert changed == [True, False, False, False]


def test_another_tokenizer_changes_the_decoder_only(written: Path) -> None:
    plain, other = open_model(written), open_model(written, tokenizer=LLAMA)
    assert other.tokenizer("emotion_llama").digest == plain.tokenizer("emotion_llama").digest
    assert [plain.digest(part) != other.digest(part) for part in ALL_PARTS] == [False, False, False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's mappings from /proc")
def test_weights_are_the_mapped_file(tmp_path: Path) -> None:
    """Without a change of dtype nothing is copied: every parameter lies in a mapping of the file."""
    tiny = open_model("random-tiny")
    path = write_model(tmp_path / "model", facemae=tiny.load("facemae"), provenance={})
    face = open_model(path).load("facemae")
    ranges = [
        tuple(int(end, 16) for end in line.split()[0].split("-"))
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(str(path / "facemae" / "model.safetensors"))
    ]
    for parameter in face.parameters():
        assert any(start <= parameter.data_ptr() < stop for start, stop in ranges)


def test_a_subset_of_the_parts_is_a_model(tiny: ModelSource, tmp_path: Path) -> None:
    path = write_model(tmp_path / "model", facemae=tiny.load("facemae"), provenance={})
    source = open_model(path)
    assert source.width("facemae") == tiny.width("facemae")
    for question in (source.width, source.load, source.tokenizer):
        with pytest.raises(ModelError, match=r"has no emotion_llama/.*it has facemae/.*--llama"):
            question("emotion_llama")


def test_a_directory_that_is_not_empty_is_left_alone(tiny: ModelSource, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ModelError, match="exists and is not empty"):
        write_model(tmp_path, facemae=tiny.load("facemae"), provenance={})
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_an_error_leaves_nothing_behind(tiny: ModelSource, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no tokenizer.model"):
        write_model(
            tmp_path / "model",
            emotion_llama=tiny.load("emotion_llama"),
            tokenizer=tmp_path,
            provenance={},
        )
    with pytest.raises(TypeError):
        write_model(tmp_path / "model", facemae=tiny.load("facemae"), provenance={"not JSON": object()})
    assert list(tmp_path.iterdir()) == []


def test_files_are_readable_by_the_same_people(written: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in written.rglob("*") if path.is_file()}
    assert len(modes) == 1
    assert load_file(written / "facemae" / "model.safetensors")["norm.weight"].dtype == torch.bfloat16
