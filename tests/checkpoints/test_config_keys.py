"""Only listed keys of a config.json reach a network's class, each within bounds."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emollama_hf.checkpoints import build, open_model
from emollama_hf.encoders import ENCODERS, find_encoder, full_sizes, tiny_sizes
from emollama_hf.encoders.emotion_llama import configuration as decoder
from emollama_hf.encoders.facemae import network as face
from emollama_hf.encoders.hubert import network as sound
from emollama_hf.encoders.videomae import network as video
from emollama_hf.errors import ModelError

PART_KEYS = {encoder.name: encoder.keys for encoder in ENCODERS}

FOREIGN = {
    "auto_map": {"AutoModel": "evil--modeling.Evil"},
    "_attn_implementation": "kernels-community/evil",
    "attn_implementation": "kernels-community/evil",
    "_attn_implementation_internal": "evil",
    "torch_dtype": "float64",
    "dtype": "evil",
    "quantization_config": {"quant_method": "bitsandbytes"},
    "trust_remote_code": True,
    "custom_pipelines": {"evil": {"impl": "evil.Evil"}},
    "tokenizer_class": "Evil",
    "name_or_path": "/etc/passwd",
    "_commit_hash": "0" * 40,
    "weight_init": "evil",
    "pretrained": True,
    "checkpoint_path": "/etc/passwd",
    "block_fn": "evil",
    "pruned_heads": {"0": [0]},
}


def planted(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with every foreign key in each of its objects."""
    inner = {name: planted(value) if isinstance(value, dict) else value for name, value in config.items()}
    return {**inner, **FOREIGN}


@pytest.mark.parametrize("part", PART_KEYS)
@pytest.mark.parametrize("sizes", [tiny_sizes(), full_sizes()])
def test_what_is_not_listed_reaches_nothing(part: str, sizes: dict[str, dict[str, Any]]) -> None:
    kept = find_encoder(part).checked_config(planted(sizes[part]), "config.json")
    assert not any(name in json.dumps(kept) for name in FOREIGN)
    assert kept == find_encoder(part).checked_config(sizes[part], "config.json")


@pytest.mark.parametrize("part", PART_KEYS)
def test_the_classes_of_the_networks_are_given_the_listed_keys_alone(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / part).mkdir()
    (tmp_path / part / "config.json").write_text(json.dumps(planted(tiny_sizes()[part])))
    given_to_build: list[dict[str, Any]] = []
    for module, name in ((face, "FaceMAE"), (decoder, "EmotionLlamaConfig")):
        monkeypatch.setattr(module, name, lambda *a, **k: given_to_build.append({**(a[0] if a else {}), **k}) or 1 / 0)
    for cls in (video.VideoMAE, sound.Hubert):
        monkeypatch.setattr(cls, "from_config", lambda config: given_to_build.append(config) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build.empty_network(part, open_model(tmp_path).config(part), "float32")
    assert given_to_build[0].keys() <= PART_KEYS[part].keys()
    assert not any(name in json.dumps(given_to_build) for name in FOREIGN)


#: Values that no size may have.
ODD = [True, False, None, "1024", "", 0, -1, 1.5, math.nan, math.inf, 2**31, 10**400, [], [1024, 1025], {}, 1e300]
SIZES = [
    ("facemae", ("model_args", "embed_dim")),
    ("facemae", ("model_args", "img_size")),
    ("facemae", ("model_args", "patch_size")),
    ("facemae", ("model_args", "depth")),
    ("facemae", ("model_args", "num_heads")),
    ("videomae", ("hidden_size",)),
    ("videomae", ("image_size",)),
    ("videomae", ("num_frames",)),
    ("videomae", ("tubelet_size",)),
    ("videomae", ("num_hidden_layers",)),
    ("hubert", ("hidden_size",)),
    ("hubert", ("num_conv_pos_embedding_groups",)),
    ("hubert", ("conv_stride",)),
    ("emotion_llama", ("feature_size",)),
    ("emotion_llama", ("patches_per_token",)),
    ("emotion_llama", ("vision_config", "patch_size")),
    ("emotion_llama", ("vision_config", "intermediate_size")),
    ("emotion_llama", ("text_config", "vocab_size")),
    ("emotion_llama", ("text_config", "hidden_size")),
    ("emotion_llama", ("text_config", "num_attention_heads")),
    ("emotion_llama", ("text_config", "max_position_embeddings")),
]


@pytest.mark.parametrize(("part", "place"), SIZES)
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:12])
def test_a_size_out_of_bounds_is_named(part: str, place: tuple[str, ...], value: Any) -> None:
    config = copy.deepcopy(full_sizes()[part])
    owner = config
    for name in place[:-1]:
        owner = owner[name]
    owner[place[-1]] = value
    with pytest.raises(ModelError, match=rf"{'.'.join(place)}=.*\(expected .*fetch the file") as error:
        find_encoder(part).checked_config(config, "config.json")
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("facemae", {"model_args": {"img_size": 225, "patch_size": 16}}, "does not divide"),
        ("facemae", {"model_args": {"embed_dim": 1024, "num_heads": 7}}, "does not divide"),
        ("videomae", {"image_size": 8192, "patch_size": 1}, "position values"),
        ("videomae", {"num_frames": 1024, "tubelet_size": 1, "image_size": 224, "patch_size": 1}, "position values"),
        ("videomae", {"num_frames": 15, "tubelet_size": 2}, "does not divide"),
        ("emotion_llama", {"vision_config": {"image_size": 8192, "patch_size": 1}}, "position values"),
        ("emotion_llama", {"text_config": {"num_attention_heads": 32, "num_key_value_heads": 5}}, "does not divide"),
        ("emotion_llama", {"text_config": {"vocab_size": 100, "pad_token_id": 100}}, "outside of the vocabulary"),
        ("emotion_llama", {"text_config": {"hidden_act": "evil"}}, "expected one of"),
        ("emotion_llama", {"text_config": {"rope_scaling": {"rope_type": "evil"}}}, "expected one of"),
        ("emotion_llama", {"text_config": []}, "expected an object"),
        ("videomae", {"model_type": "vivit"}, "expected one of 'videomae'"),
    ],
)
def test_sizes_that_do_not_fit_are_named(part: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        find_encoder(part).checked_config(changes, "config.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), part=st.sampled_from(list(PART_KEYS)))
def test_any_value_of_any_key_is_kept_or_refused(data: st.DataObject, part: str) -> None:
    config = copy.deepcopy(tiny_sizes()[part])
    owner: dict[str, Any] = config
    while True:
        name = data.draw(st.sampled_from(sorted(owner)))
        if not isinstance(owner[name], dict) or data.draw(st.booleans()):
            break
        owner = owner[name]
        if not owner:
            return
    owner[name] = data.draw(JSON)
    try:
        kept = find_encoder(part).checked_config(config, "config.json")
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert kept.keys() <= PART_KEYS[part].keys()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"hidden_size": NaN}', b'{"a":' * 100_000, "{}".encode("utf-16")])
def test_a_configuration_that_is_odd_json_is_a_model_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "videomae").mkdir()
    (tmp_path / "videomae" / "config.json").write_bytes(content)
    with pytest.raises(ModelError, match="not JSON of a configuration"):
        open_model(tmp_path).config("videomae")
