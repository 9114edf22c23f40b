"""The recorded checkpoints become a model directory: what is in it, what it says of itself, what is refused."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import emollama_hf
from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, ModelError
from emollama_hf.checkpoints import open_model
from emollama_hf.conversion.pickle_file import read_checkpoint
from emollama_hf.conversion.sources import open_sources
from tests.encoders import golden
from tests.encoders.golden import SOURCES, convert_golden

ARCHITECTURE = golden.MANIFEST["hyperparameters"]
DECODER = golden.configs()["emotion_llama"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def assert_nothing_written(folder: Path, *kept: str) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(kept)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert_golden(tmp_path_factory.mktemp("converted") / "model")


@pytest.fixture(scope="module")
def provenance(model: Path) -> dict[str, Any]:
    return json.loads((model / "provenance.json").read_text())


def test_the_result_is_safetensors_and_small_files_only(model: Path) -> None:
    files = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    assert files == {
        "provenance.json",
        "facemae/config.json",
        "facemae/model.safetensors",
        "videomae/config.json",
        "videomae/model.safetensors",
        "emotion_llama/config.json",
        "emotion_llama/lora.safetensors",
        "emotion_llama/model.safetensors",
        "emotion_llama/processor_config.json",
        "emotion_llama/special_tokens_map.json",
        "emotion_llama/tokenizer.model",
        "emotion_llama/tokenizer_config.json",
    }
    assert_nothing_written(model.parent, "model")


def test_sources_keep_their_dtypes_and_what_is_computed_is_float32(model: Path) -> None:
    weights = load_file(model / "emotion_llama" / "model.safetensors")
    merged = {f"language_model.layers.{i}.self_attn.{name}_proj.weight" for i in range(3) for name in "qv"}
    table = "vision_model.embeddings.position_embedding"
    single = {name for name, tensor in weights.items() if tensor.dtype == torch.float32}
    assert single == {*merged, table} | {name for name in weights if "_projection." in name}
    assert {tensor.dtype for name, tensor in weights.items() if name not in single} == {torch.float16}
    assert "lm_head.weight" in weights
    config = json.loads((model / "emotion_llama" / "config.json").read_text())
    assert config["dtype"] == "float16"


def test_lora_is_merged_in_float32(model: Path) -> None:
    weights = load_file(model / "emotion_llama" / "model.safetensors")
    llama, trained = golden.source_states()["llama"], golden.source_states()["emotion_llama"]
    for layer, name in itertools.product(range(3), "qv"):
        place = f"layers.{layer}.self_attn.{name}_proj"
        a, b = (trained[f"llama_model.base_model.model.model.{place}.lora_{factor}.weight"].double() for factor in "AB")
        exact = llama[f"model.{place}.weight"].double() + 2 / 8 * (b @ a)
        merged = weights[f"language_model.{place}.weight"]
        assert (merged - exact).abs().max() < 1e-6 * exact.std()
        assert (merged.half() - exact).abs().max() > 1e-4 * exact.std()  # what rounding would cost


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", torch.bfloat16])
def test_a_dtype_is_every_tensors(dtype: str | torch.dtype, model: Path, tmp_path: Path) -> None:
    other = convert_golden(tmp_path / "model", dtype=dtype)
    wanted = dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype)
    for part in ("facemae", "videomae", "emotion_llama"):
        before, after = (load_file(root / part / "model.safetensors") for root in (model, other))
        assert {tensor.dtype for tensor in after.values()} == {wanted}
        assert all(torch.equal(after[name], before[name].to(wanted)) for name in before)
        assert json.loads((other / part / "config.json").read_text())["dtype"] == str(wanted).removeprefix("torch.")


def test_provenance_proves_the_sources(provenance: dict[str, Any]) -> None:
    assert provenance["format"] == 1
    assert provenance["converter"] == {"name": "emollama_hf", "version": emollama_hf.__version__}
    for kind in ("facemae", "videomae", "eva", "emotion_llama"):
        source, path = provenance["sources"][kind], SOURCES[kind]
        assert (source["name"], source["size"], source["sha256"]) == (path.name, path.stat().st_size, sha256(path))
    llama = provenance["sources"]["llama"]
    assert llama["name"] == "llama"
    assert {file["name"] for file in llama["files"]} == {
        "config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.model",
        "tokenizer_config.json",
    }
    for file in llama["files"]:
        assert file["sha256"] == sha256(golden.LLAMA / file["name"])
    assert provenance["options"]["architecture"] == ARCHITECTURE
    assert str(golden.ROOT) not in json.dumps(provenance), "paths of this machine stay out"


def test_what_is_left_out_is_reported_by_name(provenance: dict[str, Any]) -> None:
    dropped = {kind: set(source["dropped"]) for kind, source in provenance["sources"].items()}
    assert {"optimizer", "args", "epoch", "scaler", "mask_token", "decoder_norm.weight"} <= dropped["facemae"]
    assert {"optimizer", "encoder_to_decoder.weight", "encoder.norm.bias", "decoder.head.bias"} <= dropped["videomae"]
    assert {"norm.weight", "head.bias", "blocks.3.attn.q_bias"} <= dropped["eva"]
    assert {"optimizer", "attention.fc_out.bias", "attention.feats_prep.{0-6}.0.weight"} <= dropped["emotion_llama"]
    assert dropped["llama"] == set()


def test_alpha_is_the_options_then_the_architectures_then_the_checkpoints(tmp_path: Path) -> None:
    silent = {key: value for key, value in ARCHITECTURE.items() if key != "lora"}
    cases = {
        "option": {"lora_alpha": 3, "architecture": silent, "emotion_llama": tmp_path / "bare.pth"},
        "architecture": {
            "architecture": {**ARCHITECTURE, "lora": {"alpha": 5}},
            "emotion_llama": tmp_path / "bare.pth",
        },
        "checkpoint": {"architecture": silent},
    }
    torch.save({"model": read_checkpoint(SOURCES["emotion_llama"])["model"]}, tmp_path / "bare.pth")
    for (where, changes), alpha in zip(cases.items(), (3, 5, 2), strict=True):
        options = json.loads((convert_golden(tmp_path / where, **changes) / "provenance.json").read_text())["options"]
        assert (options["lora_alpha"], options["lora_alpha_from"]) == (alpha, where)
    checkpoint = dict(read_checkpoint(SOURCES["emotion_llama"]))
    del checkpoint["config"]
    torch.save(checkpoint, tmp_path / "silent.pth")
    with pytest.raises(ModelError, match=r"silent\.pth does not say its LoRA alpha.*--lora-alpha; it is 16"):
        convert_golden(tmp_path / "none", architecture=silent, emotion_llama=tmp_path / "silent.pth")
    convert_golden(tmp_path / "unneeded", architecture=silent, emotion_llama=tmp_path / "silent.pth", llama=None)
    checkpoint = dict(read_checkpoint(SOURCES["emotion_llama"]))
    for wrong in (0, -1, float("nan"), float("inf")):
        torch.save({**checkpoint, "config": {"model": {"lora_alpha": wrong}}}, tmp_path / "wrong.pth")
        for changes in ({"lora_alpha": wrong}, {"architecture": silent, "emotion_llama": tmp_path / "wrong.pth"}):
            with pytest.raises(ModelError, match="expected a number above 0"):
                convert_golden(tmp_path / "wrong", **changes)


SUBSETS = [frozenset(some) for size in range(1, 6) for some in itertools.combinations(SOURCES, size)]


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "+".join(sorted(subset)))
def test_any_subset_converts_and_a_part_says_what_it_lacks(subset: frozenset[str], tmp_path: Path, model: Path) -> None:
    out = convert_golden(tmp_path / "some", **dict.fromkeys(SOURCES.keys() - subset))
    source, whole = open_model(out), open_model(model)
    for part in ("facemae", "videomae"):
        if part in subset:
            assert source.digest(part) == whole.digest(part)
        else:
            with pytest.raises(ModelError, match=rf"has no {part}/: it was not converted.* again, with --{part}"):
                source.digest(part)
    decoder = {"eva", "emotion_llama", "llama"}
    embed = EmoLlamaEmbed(out)
    columns = {"peak_frame": [golden.peak_frame("clip_a")], "facemae": np.ones((1, 64)), "videomae": np.ones((1, 64))}
    if decoder <= subset:
        assert source.digest("emotion_llama") == whole.digest("emotion_llama")
        # Rows that bring the encoders' features need no encoders.
        assert np.array_equal(embed(columns)["emollama"], EmoLlamaEmbed(model)(columns)["emollama"])
        assert (embed.fingerprint == EmoLlamaEmbed(model).fingerprint) == (subset == set(SOURCES))
        return
    with pytest.raises(ModelError) as caught:
        embed(columns)
    if decoder & subset:
        for absent in decoder - subset:
            assert f"--{absent.replace('_', '-')}" in str(caught.value)
        assert "emotion_llama/ was converted without" in str(caught.value)
    else:
        assert "Run emollama-hf convert again, with --eva, --emotion-llama and --llama as well" in str(caught.value)


def test_no_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no source was given.*--facemae.*--llama"):
        emollama_hf.convert(out=tmp_path / "model")
    assert_nothing_written(tmp_path)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(SOURCES, 2)))
def test_two_sources_the_wrong_way_round_are_both_named(one: str, other: str, tmp_path: Path) -> None:
    # Alpha from the checkpoint, as users have it: the wrong file is told before it is asked for its alpha.
    silent = {key: value for key, value in ARCHITECTURE.items() if key != "lora"}
    swapped = {one: SOURCES[other], other: SOURCES[one]}
    with pytest.raises(ModelError) as caught:
        convert_golden(tmp_path / "model", architecture=silent, **swapped)
    message = str(caught.value)
    assert message.startswith("2 sources cannot be used")
    for kind in (one, other):
        assert f"--{kind.replace('_', '-')} wants" in message
    assert message.count("looks like") == 2
    assert_nothing_written(tmp_path)


def test_the_image_checkpoint_in_the_place_of_the_video_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        convert_golden(tmp_path / "model", videomae=SOURCES["facemae"])
    assert (
        "this looks like the image MAE checkpoint; --videomae wants one with encoder.patch_embed.proj.weight of "
        "5 dimensions"
    ) in str(caught.value)
    assert "missing: encoder.patch_embed.proj.weight (64, 3, 2, 16, 16)" in str(caught.value)


def test_real_sizes_are_expected_unless_others_are_given(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        emollama_hf.convert(out=tmp_path / "model", facemae=SOURCES["facemae"])
    assert "norm.bias (64,) (expected (1024,))" in str(caught.value)
    assert "blocks.{2-23}.norm1.weight (1024,)" in str(caught.value)


def test_every_tensor_of_every_source_that_does_not_fit_is_listed(tmp_path: Path) -> None:
    changed = {}
    for kind in ("facemae", "eva"):
        checkpoint = dict(read_checkpoint(SOURCES[kind]))
        state = checkpoint.get("model", checkpoint)
        state = {name: tensor for name, tensor in state.items() if name not in ("cls_token", "blocks.1.norm1.weight")}
        state |= {"stranger": torch.zeros(2), "patch_embed.proj.bias": torch.zeros(3)}
        changed[kind] = tmp_path / f"{kind}.pth"
        torch.save({"model": state}, changed[kind])
    with pytest.raises(ModelError) as caught:
        convert_golden(tmp_path / "model", **changed)
    for width in (64, 88):
        assert f"2 missing: cls_token (1, 1, {width}), blocks.1.norm1.weight ({width},)" in str(caught.value)
        assert f"1 of another shape: patch_embed.proj.bias (3,) (expected ({width},))" in str(caught.value)
    assert str(caught.value).count("1 unexpected: stranger (2,)") == 2
    assert_nothing_written(tmp_path, "facemae.pth", "eva.pth")


LORA = "llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{LORA}B.weight": None}, "1 missing: llama_model"),
        ({f"{LORA.replace('q_proj', 'x_proj')}A.weight": torch.zeros(8, 96)}, "1 unexpected: llama_model"),
        ({f"{LORA}B.weight": torch.zeros(96, 4)}, "lora_B.weight (96, 4) (expected (96, 8))"),
        ({f"{LORA}B.weight": torch.zeros(50, 8)}, "lora_B.weight (50, 8) (expected (96, 8))"),
        ({f"{LORA}A.weight": torch.tensor(1.0)}, "lora_A.weight () (expected (8, 96))"),
        ({f"{LORA}A.weight": torch.zeros(0, 96)}, "lora_A.weight (0, 96) (expected (1, 96))"),
    ],
)
def test_damaged_lora_factors_are_listed(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    checkpoint = dict(read_checkpoint(SOURCES["emotion_llama"]))
    state = {name: tensor for name, tensor in {**checkpoint["model"], **changes}.items() if tensor is not None}
    torch.save({**checkpoint, "model": state}, tmp_path / "changed.pth")
    with pytest.raises(ModelError) as caught:
        convert_golden(tmp_path / "model", emotion_llama=tmp_path / "changed.pth")
    assert message in str(caught.value)


def test_out_may_be_a_link_and_no_place_that_stays_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "model")
    assert open_model(convert_golden(tmp_path / "link")).digest("facemae")
    assert (tmp_path / "disk" / "model" / "provenance.json").is_file()
    with pytest.raises(ModelError, match=r"is a mount point.*Name a directory inside it"):
        convert_golden(Path("/"))
    (tmp_path / "disk" / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "disk" / "empty")
    with pytest.raises(ModelError, match=r"is the current directory.*Name a directory inside it"):
        convert_golden(Path("."))


def test_a_tied_head_is_not_written_twice(tmp_path: Path) -> None:
    llama = without(tmp_path / "llama", "model.safetensors")
    config = (llama / "config.json").read_text()
    (llama / "config.json").write_text(config.replace('"tie_word_embeddings": false', '"tie_word_embeddings": true'))
    weights = load_file(golden.LLAMA / "model.safetensors")
    torch.save({**weights, "lm_head.weight": weights["model.embed_tokens.weight"]}, llama / "pytorch_model.bin")
    out = convert_golden(tmp_path / "model", llama=llama)
    assert open_model(out).load("emotion_llama")
    assert "lm_head.weight" not in load_file(out / "emotion_llama" / "model.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "int8"}, "dtype='int8' is unknown. Valid: float32, float16, bfloat16"),
        ({"architecture": {"mea": {}}}, "unknown section mea. Expected some of mae, video"),
        ({"architecture": {"mae": {"image_size": 64}}}, "section mae lacks patch_size, embed_dim, depth, num_heads"),
        ({"architecture": {"mae": {**ARCHITECTURE["mae"], "depth": "2"}}}, "mae has depth='2', expected whole"),
        ({"architecture": {"eva": {**ARCHITECTURE["eva"], "x": {1, 2}}}}, "set is not JSON serializable"),
        ({"architecture": ["mae"]}, "expected a dict with some of mae"),
        ({"architecture": {"video": "tiny"}}, "video='tiny': expected a dict of sizes"),
        (
            {"architecture": {"mae": {**ARCHITECTURE["mae"], "num_heads": 5}}},
            "embed_dim=64, which num_heads=5 does",
        ),
        (
            {"architecture": {"video": {**ARCHITECTURE["video"], "num_heads": 5}}},
            "section video has embed_dim=64, which num_heads=5 does",
        ),
        ({"architecture": {"eva": {**ARCHITECTURE["eva"], "image_size": 113}}}, "which patch_size=14 does not divide"),
        ({"architecture": {"eva": {**ARCHITECTURE["eva"], "layer_norm_eps": "1e-6"}}}, "layer_norm_eps='1e-6'"),
        ({"architecture": {"lora": {"alpha": "two"}}}, "section lora has alpha='two'"),
        ({"architecture": {"lora": {"target_modules": "q_proj"}}}, "target_modules='q_proj'"),
        ({"facemae": "nowhere.pth"}, "--facemae nowhere.pth: there is nothing of that name. Check the path"),
        ({"llama": "meta-llama/Llama-2-7b-chat-hf"}, "write hf://meta-llama/Llama-2-7b-chat-hf"),
        ({"facemae": "hf://only-a-name"}, "expected hf://OWNER/NAME"),
        ({"facemae": "hf://a/b"}, "hf://a/b is a repository, expected a file in it"),
        ({"eva": "abc://x/eva.pth"}, "Protocol not known: abc"),
        ({"eva": "memory://not/there.pth"}, "there is no file there.pth"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        convert_golden(tmp_path / "model", **changes)
    assert message in str(caught.value)
    assert_nothing_written(tmp_path)


def test_a_source_that_may_not_be_read_says_whose_it_is_and_what_to_do(tmp_path: Path) -> None:
    shutil.copy(SOURCES["facemae"], tmp_path / "facemae.pth")
    (tmp_path / "facemae.pth").chmod(0)
    user = os.geteuid()
    if user == 0:  # who may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(ModelError) as caught:
            open_sources({"facemae": str(tmp_path / "facemae.pth")}, golden.configs(), tmp_path / "staging")
    finally:
        os.seteuid(user)
    assert str(caught.value) == (
        f"--facemae {tmp_path / 'facemae.pth'}: may not be read (Permission denied). "
        "Ask its owner, or copy it to where you may."
    )


def test_a_directory_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ModelError, match="exists and is not empty"):
        convert_golden(tmp_path)
    assert_nothing_written(tmp_path, "note.txt")
    with pytest.raises(ModelError, match="is a file, expected a directory that is new or empty"):
        convert_golden(tmp_path / "note.txt")
    (tmp_path / "empty").mkdir()
    assert convert_golden(tmp_path / "empty", eva=None, llama=None, emotion_llama=None, videomae=None).is_dir()


# Llama directories


def without(folder: Path, *names: str) -> Path:
    shutil.copytree(golden.LLAMA, folder)
    for name in names:
        (folder / name).unlink()
    return folder


def as_shards(folder: Path, kind: str, count: int) -> Path:
    """The recorded Llama directory with its weights in `count` files of another format."""
    without(folder, "model.safetensors")
    weights = load_file(golden.LLAMA / "model.safetensors")
    extension, stem = {"bin": ("bin", "pytorch_model"), "safetensors": ("safetensors", "model")}[kind]
    names = [f"{stem}-{i + 1:05d}-of-{count:05d}.{extension}" for i in range(count)]
    places = {}
    for number, name in enumerate(names if count > 1 else [f"{stem}.{extension}"]):
        shard = {key: weights[key] for key in sorted(weights)[number::count]}
        save = torch.save if kind == "bin" else save_file
        save(shard, folder / name)
        places |= dict.fromkeys(shard, name)
    if count > 1:
        (folder / f"{stem}.{extension}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return folder


@pytest.mark.parametrize(("kind", "count"), [("bin", 1), ("bin", 3), ("safetensors", 2)])
def test_llamas_weights_in_any_format_give_the_same_model(kind: str, count: int, tmp_path: Path, model: Path) -> None:
    out = convert_golden(tmp_path / "model", llama=as_shards(tmp_path / "llama", kind, count))
    assert open_model(out).digest("emotion_llama") == open_model(model).digest("emotion_llama")


def test_damaged_llama_directories(tmp_path: Path) -> None:
    sharded = as_shards(tmp_path / "sharded", "safetensors", 2)
    (sharded / "model-00002-of-00002.safetensors").unlink()
    truncated = without(tmp_path / "truncated")
    content = (truncated / "model.safetensors").read_bytes()
    (truncated / "model.safetensors").write_bytes(content[: len(content) // 2])
    outside = as_shards(tmp_path / "outside", "safetensors", 2)
    index = outside / "model.safetensors.index.json"
    index.write_text(index.read_text().replace('"model-00001', '"../model-00001'))
    gpt = without(tmp_path / "gpt")
    (gpt / "config.json").write_text('{"model_type": "gpt2"}')
    meta = tmp_path / "meta"
    meta.mkdir()
    (meta / "params.json").write_text("{}")
    pointer = without(tmp_path / "pointer")
    (pointer / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    odd = without(tmp_path / "odd")
    (odd / "config.json").write_text((odd / "config.json").read_text().replace('heads": 4', 'heads": 5'))
    kept = {path.name for path in tmp_path.iterdir()} | {"no-tokenizer", "no-config", "no-weights", "broken"}
    page = without(tmp_path / "page")
    (page / "tokenizer.model").write_text("<html>Sign in</html>")
    kept.add("page")
    broken = without(tmp_path / "broken")
    (broken / "config.json").write_text("{")
    for llama, message in (
        (without(tmp_path / "no-tokenizer", "tokenizer.model"), "has no tokenizer.model, which the prompt needs"),
        (without(tmp_path / "no-config", "config.json"), "has no config.json. Give the directory of Llama-2"),
        (without(tmp_path / "no-weights", "model.safetensors"), "has no weights, expected model.safetensors or"),
        (broken, "not JSON"),
        (page, "tokenizer.model: not a SentencePiece model"),
        (sharded, "lacks 1 of 2 shards that model.safetensors.index.json names: model-00002-of-00002.safetensors"),
        (truncated, "not a whole safetensors file"),
        (outside, "names files of other folders"),
        (odd, "hidden size (96) is not a multiple of the number of attention heads (5). Check Llama's config.json"),
        (gpt, "config.json says model_type 'gpt2', expected 'llama'"),
        (meta, "Meta's own format: take the directory of Llama-2-7b-chat-hf"),
        (pointer, "Git LFS pointer"),
    ):
        with pytest.raises(ModelError) as caught:
            convert_golden(tmp_path / "model", llama=llama)
        assert message in str(caught.value)
    assert_nothing_written(tmp_path, *kept)


def test_licences_beside_the_sources_are_copied_and_the_gate_is_named(tmp_path: Path) -> None:
    llama = without(tmp_path / "llama")
    (llama / "LICENSE.txt").write_text("LLAMA 2 COMMUNITY LICENSE AGREEMENT")
    (llama / "USE_POLICY.md").write_text("# Use policy")
    out = convert_golden(tmp_path / "model", llama=llama)
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["licenses"] == ["licenses/llama/LICENSE.txt", "licenses/llama/USE_POLICY.md"]
    assert (out / "licenses/llama/LICENSE.txt").read_text().startswith("LLAMA 2")
    assert any("gated" in notice and "Llama 2 Community License" in notice for notice in provenance["notices"])


# Identity


def test_two_conversions_of_the_same_files_are_the_same_model(model: Path, tmp_path: Path) -> None:
    other = convert_golden(tmp_path / "elsewhere")
    one, two = (json.loads((path / "provenance.json").read_text()) for path in (model, other))
    assert one["digest"] == two["digest"]
    assert EmoLlamaEmbed(model).fingerprint == EmoLlamaEmbed(other).fingerprint


def test_any_other_source_is_another_model(model: Path, tmp_path: Path) -> None:
    checkpoint = dict(read_checkpoint(SOURCES["facemae"]))
    state = {name: tensor.clone() for name, tensor in checkpoint["model"].items()}
    state["norm.bias"][0] += 1e-6
    torch.save({"model": state}, tmp_path / "other.pth")
    other = convert_golden(tmp_path / "model", facemae=tmp_path / "other.pth")
    assert FaceMAEEmbed(other).fingerprint != FaceMAEEmbed(model).fingerprint
    assert EmoLlamaEmbed(other).fingerprint != EmoLlamaEmbed(model).fingerprint  # it runs the face encoder itself
    assert open_model(other).digest("emotion_llama") == open_model(model).digest("emotion_llama")
