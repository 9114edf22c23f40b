"""The contract: what a transform is, what it returns, and what happens to rows that cannot be computed."""

from __future__ import annotations

import pickle
import shutil
from typing import Any

import datasets
import numpy as np
import pytest
from datasets import Dataset, Features, List, Value
from datasets.fingerprint import Hasher

import emollama_hf
from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, SampleFrames, VideoMAEEmbed, emollama_embed, schema
from emollama_hf.computing.compiled_blocks import CompiledForward
from emollama_hf.errors import ClipError, ModelError
from emollama_hf.rows import Row
from emollama_hf.stages import Column, Stage

STAGES = [
    FaceMAEEmbed("random-tiny"),
    VideoMAEEmbed("random-tiny"),
    EmoLlamaEmbed("random-tiny"),
    EmoLlamaEmbed("random-tiny", pooling="6:10", layout="upstream", store_dtype="float32"),
    EmoLlamaEmbed("random-tiny", pooling="mean"),
]


def same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize("transform", STAGES, ids=repr)
def test_columns_are_what_features_declare(transform: Stage, sampled: dict[str, list[Any]]) -> None:
    result = transform(sampled)
    assert list(result) == list(transform.features)
    for name in transform.makes:
        assert isinstance(result[name], np.ndarray)
        assert result[name].shape == (6, *schema.shape_of(transform.features[name]))
        assert result[name].dtype == schema.dtype_of(transform.features[name])
        assert len({row.tobytes() for row in result[name]}) == 6, "different clips give different features"
    assert result["emollama_status"] == ["ok"] * 6


@pytest.mark.parametrize("transform", STAGES[:3], ids=repr)
def test_a_batch_gives_what_single_rows_give_in_any_order(transform: Stage, sampled: dict[str, list[Any]]) -> None:
    whole = transform(sampled)
    order = [3, 0, 5, 1, 4, 2]
    for name in transform.makes:
        singles = [transform({key: [column[i]] for key, column in sampled.items()})[name][0] for i in order]
        np.testing.assert_array_equal(np.stack(singles), whole[name][order])


def test_larger_micro_batches_give_the_same_within_rounding(sampled: dict[str, list[Any]]) -> None:
    one = EmoLlamaEmbed("random-tiny", store_dtype="float32")(sampled)["emollama"]
    four = EmoLlamaEmbed("random-tiny", store_dtype="float32", batch_size=4)(sampled)["emollama"]
    assert np.abs(one - four).max() <= 1e-4 * one.std()


@pytest.mark.parametrize("transform", [*STAGES, SampleFrames(peak="middle"), emollama_embed], ids=repr)
def test_pickled_bytes_and_hash_are_stable(transform: Stage, sampled: dict[str, list[Any]]) -> None:
    emollama_hf.configure(model="random-tiny")
    before, hashed = pickle.dumps(transform), Hasher.hash(transform)
    if not isinstance(transform, SampleFrames):
        transform(sampled)
    assert pickle.dumps(transform) == before
    assert len(before) < 2_000
    copy = pickle.loads(before)
    assert pickle.dumps(copy) == before
    assert copy.fingerprint == transform.fingerprint
    assert Hasher.hash(transform) == Hasher.hash(copy) == hashed
    if not isinstance(transform, SampleFrames):
        same(copy(sampled), transform(sampled))


def test_the_fingerprint_changes_exactly_when_results_can() -> None:
    base = EmoLlamaEmbed("random-tiny")
    same_results = [
        EmoLlamaEmbed("random-tiny", batch_size=3),
        EmoLlamaEmbed("random-tiny", device="cpu"),
        EmoLlamaEmbed("random-tiny", dtype="float32"),
        EmoLlamaEmbed("random-tiny", pooling="all", task="emotion"),
    ]
    others = [
        EmoLlamaEmbed("random-tiny", instruction="Is she bored?"),
        EmoLlamaEmbed("random-tiny", task="attention"),
        EmoLlamaEmbed("random-tiny", layout="upstream"),
        EmoLlamaEmbed("random-tiny", pooling="mean"),
        EmoLlamaEmbed("random-tiny", pooling=slice(6, 10)),
        EmoLlamaEmbed("random-tiny", store_dtype="float32"),
        EmoLlamaEmbed("random-tiny", chat_template=True),
        EmoLlamaEmbed("random-tiny", dtype="bfloat16"),
        EmoLlamaEmbed("random-tiny", quantize="4bit"),
        EmoLlamaEmbed("random-tiny", quantize="8bit"),
        EmoLlamaEmbed("random-full"),
        FaceMAEEmbed("random-tiny"),
        VideoMAEEmbed("random-tiny"),
    ]
    assert {one.fingerprint for one in same_results} == {base.fingerprint}
    fingerprints = [base.fingerprint, *(one.fingerprint for one in others)]
    assert len(set(fingerprints)) == len(fingerprints)
    assert len(base.fingerprint) == 32
    assert EmoLlamaEmbed("random-tiny", pooling="6:10").fingerprint == others[4].fingerprint


def test_without_quantization_the_fingerprint_is_what_it_was_before_there_was_any() -> None:
    """Recorded then, so that what was computed is still found. Another value is right if a stage's version rises."""
    embed = EmoLlamaEmbed("random-tiny", device="cpu")
    assert "quantize" not in embed.resolved_config()
    assert embed.fingerprint == "9e80c6cde3f80a6b17bde609d36c11e7"
    assert EmoLlamaEmbed("random-tiny", device="cpu", quantize="8bit").resolved_config()["quantize"] == "8bit"


@pytest.mark.parametrize(
    "options",
    [
        {"size": 112},
        {"num_frames": 8},
        {"crop": "box"},
        {"peak": "first"},
        {"faces": "none"},
        {"peak_candidates": 9},
    ],
)
def test_every_option_of_the_frames_changes_the_fingerprint(options: dict[str, Any]) -> None:
    assert SampleFrames(**options).fingerprint != SampleFrames().fingerprint


def test_a_ready_instance_follows_configure_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="random-tiny"):
        emollama_embed({"video": ["a.mp4"]})
    monkeypatch.setenv("EMOLLAMA_MODEL", "random-tiny")
    assert emollama_embed.fingerprint == EmoLlamaEmbed("random-tiny").fingerprint
    emollama_hf.configure(model="random-full")
    assert emollama_embed.fingerprint == EmoLlamaEmbed("random-full").fingerprint


def test_a_pickle_brings_what_was_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    emollama_hf.configure(model="random-tiny", dtype="bfloat16")
    pickled, fingerprint = pickle.dumps(emollama_embed), emollama_embed.fingerprint
    monkeypatch.setattr("emollama_hf.defaults._defaults", emollama_hf.defaults.Defaults())  # as in a spawned worker
    assert pickle.loads(pickled).fingerprint == fingerprint


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EmoLlamaEmbed("random-tiny", layout="sideways"), "'fork', 'upstream'"),
        (lambda: EmoLlamaEmbed("random-tiny", quantize="5bit"), "None, '4bit', '8bit'"),
        (lambda: EmoLlamaEmbed("random-tiny", pooling="median"), "image_mean"),
        (lambda: EmoLlamaEmbed("random-tiny", store_dtype="int8"), "'float16', 'float32'"),
        (lambda: EmoLlamaEmbed("random-tiny", instruction=""), "instruction"),
        (lambda: FaceMAEEmbed("random-tiny", dtype="half"), "'bfloat16'"),
        (lambda: FaceMAEEmbed("random-tiny", on_error="ignore"), "'raise', 'null'"),
        (lambda: FaceMAEEmbed("random-tiny", batch_size=0), "batch_size=0"),
        (lambda: SampleFrames(peak="best"), "expressive"),
        (lambda: SampleFrames(crop="tight"), "openface"),
        (lambda: SampleFrames(faces="maybe"), "detect"),
        (lambda: SampleFrames(input="audio"), "'video', 'frames'"),
    ],
)
def test_a_wrong_option_is_refused_with_the_valid_ones(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def broken_columns(sampled: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Six clips of which the first, third and last cannot be computed."""
    columns: dict[str, list[Any]] = {name: list(values) for name, values in sampled.items()}
    columns["facemae_frames"][0] = None
    columns["videomae_frames"][2] = columns["videomae_frames"][2][:7]
    columns["peak_frame"][5] = np.zeros((4, 4), np.uint8)
    return columns


def test_failed_rows_are_null_and_the_others_as_if_they_were_not_there(sampled: dict[str, list[Any]]) -> None:
    transform = EmoLlamaEmbed("random-tiny", on_error="null")
    result, good = transform(broken_columns(sampled)), transform(sampled)
    assert result["emollama_status"] == ["bad_frames", "ok", "bad_frames", "ok", "ok", "bad_frames"]
    for index in range(6):
        if result["emollama_status"][index] == "ok":
            np.testing.assert_array_equal(result["emollama"][index], good["emollama"][index])
            assert result["emollama_error"][index] is None
        else:
            assert result["emollama"][index] is None
            assert "expected" in result["emollama_error"][index] or "null" in result["emollama_error"][index]
    # the stage that failed wrote the status; what others had computed is kept
    assert result["facemae"][0] is None
    assert result["facemae"][5] is not None


@pytest.mark.parametrize("count", [15, 17])
def test_one_frame_too_many_or_too_few_for_the_video_encoder_is_an_error_of_its_row(
    count: int, sampled: dict[str, list[Any]]
) -> None:
    right = sampled["videomae_frames"][0]
    wrong = np.concatenate([right, right[:1]])[:count]
    result = VideoMAEEmbed("random-tiny", on_error="null")({"videomae_frames": [right, wrong]})
    assert result["emollama_status"] == ["ok", "bad_frames"]
    assert f"holds {count} frames, expected 16" in result["emollama_error"][1]
    assert result["videomae"][1] is None


def test_raise_names_the_row_and_the_next_step(sampled: dict[str, list[Any]]) -> None:
    columns = {**broken_columns(sampled), "uuid": list("abcdef")}
    with pytest.raises(ClipError, match=r"uuid 'a'.*null.*on_error=\"null\"") as caught:
        EmoLlamaEmbed("random-tiny")(columns)
    assert caught.value.kind == "bad_frames"
    assert pickle.loads(pickle.dumps(caught.value)).kind == "bad_frames"


@pytest.mark.parametrize(
    "failing", [slice(0, 2), slice(2, 4), slice(0, 6)], ids=["first batch", "a middle batch", "all"]
)
def test_map_stores_failed_batches(sampled: dict[str, list[Any]], failing: slice) -> None:
    transform = FaceMAEEmbed("random-tiny", on_error="null")
    stacks: list[Any] = list(sampled["facemae_frames"])
    for index in range(6)[failing]:
        stacks[index] = None
    ds = Dataset.from_dict({"facemae_frames": stacks, "n": list(range(6))})
    features = Features({"n": Value("int64"), **transform.features})
    done = ds.map(transform, batched=True, batch_size=2, features=features, remove_columns="facemae_frames")
    expected = [row is not None for row in stacks]
    assert [status == "ok" for status in done["emollama_status"]] == expected
    assert [row is not None for row in done["facemae"]] == expected
    again = done.map(lambda batch: {"m": batch["n"]}, batched=True)
    assert [row is not None for row in again["facemae"]] == expected


def test_later_stages_pass_a_failed_row_on(sampled: dict[str, list[Any]]) -> None:
    columns = {
        **sampled,
        "emollama_status": ["ok"] * 5 + ["missing_file"],
        "emollama_error": [None] * 5 + ["gone"],
    }
    result = EmoLlamaEmbed("random-tiny")(columns)  # on_error="raise": the row failed before, nothing is raised now
    assert result["emollama_status"][5] == "missing_file"
    assert result["emollama_error"][5] == "gone"
    assert result["emollama"][5] is None


def test_an_empty_batch_gives_empty_columns() -> None:
    result = EmoLlamaEmbed("random-tiny")({"video": []})
    assert all(len(column) == 0 for column in result.values())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("facemae", np.zeros(31, np.float32)),
        ("facemae", np.full(32, np.nan, np.float32)),
        ("videomae", "no numbers"),
        ("videomae", None),
    ],
)
def test_bad_given_features_are_an_error_of_their_row(column: str, value: Any, sampled: dict[str, list[Any]]) -> None:
    columns = {
        "peak_frame": sampled["peak_frame"][:2],
        "facemae": [np.ones(32)] * 2,
        "videomae": [np.ones(32)] * 2,
    }
    columns[column] = [np.ones(32), value]
    result = EmoLlamaEmbed("random-tiny", on_error="null")(columns)
    assert result["emollama_status"] == ["ok", "bad_features"]
    with pytest.raises(ClipError, match=column):
        EmoLlamaEmbed("random-tiny")(columns)


def test_what_does_not_fit_float16_is_an_error_not_infinity(sampled: dict[str, list[Any]]) -> None:
    stage = EmoLlamaEmbed("random-tiny")
    batch = {
        "peak_frame": sampled["peak_frame"],
        "facemae": [np.ones(32, np.float32)] * len(sampled["peak_frame"]),
        "videomae": [np.ones(32, np.float32)] * len(sampled["peak_frame"]),
    }
    norm = stage.model().language_model.norm
    hook = norm.register_forward_hook(lambda _, __, states: states * 1e5)
    try:
        with pytest.raises(ClipError, match=r"a hidden state of \S+e\+05 does not fit float16.*store_dtype='float32'"):
            stage(batch)
        assert np.abs(EmoLlamaEmbed("random-tiny", store_dtype="float32")(batch)["emollama"]).max() > 1e5
        hook.remove()
        hook = norm.register_forward_hook(lambda _, __, states: states / 0)
        with pytest.raises(ClipError, match="hidden states came out as NaN or infinite"):
            EmoLlamaEmbed("random-tiny", store_dtype="float32")(batch)
    finally:
        hook.remove()


def test_a_large_output_is_warned_of_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emollama_hf.stages.transform.LARGE_OUTPUT_BYTES", 10_000)
    monkeypatch.setattr("emollama_hf.stages.transform._warned_of_size", set())
    transform = FaceMAEEmbed("random-tiny", on_error="null")
    for _ in range(2):
        transform({"facemae_frames": [None] * 200})
    assert [record.message for record in caplog.records if "batch_size=16" in record.message] == caplog.messages[-1:]


class Brightness(Stage):
    """A fifth stage, as someone would add it."""

    name, version, inputs = "brightness", 1, ("facemae_frames",)

    def outputs(self) -> dict[str, Column]:
        return {"brightness": Column(Value("float32"), "mean brightness of the crops, 0..255", tolerance=1e-6)}

    def upstream(self, stage: type[Stage]) -> Stage:
        return SampleFrames(faces="none")

    def prepare(self, row: Row) -> np.ndarray:
        return row["facemae_frames"]

    def compute(self, items: list[np.ndarray]) -> list[dict[str, Any] | ClipError]:
        return [{"brightness": item.mean()} for item in items]


def test_a_new_stage_is_one_class(sampled: dict[str, list[Any]]) -> None:
    ds = Dataset.from_dict({"facemae_frames": sampled["facemae_frames"]})
    done = ds.map(Brightness(), batched=True)
    expected = [stack.mean() for stack in sampled["facemae_frames"]]
    np.testing.assert_allclose(done["brightness"], expected, rtol=1e-6)
    assert [type(stage) for stage in Brightness().chain({"video"})] == [SampleFrames, Brightness]


def test_a_subclass_without_a_name_of_its_own_shares_no_results() -> None:
    class Darker(Brightness):
        def compute(self, items: list[np.ndarray]) -> list[dict[str, Any] | ClipError]:
            return super().compute([item / 2 for item in items])

    assert Darker().fingerprint != Brightness().fingerprint
    assert Hasher.hash(Darker()) != Hasher.hash(Brightness())


def test_an_unforeseen_error_stays_with_its_row() -> None:
    class Strict(Brightness):
        name = "strict"

        def prepare(self, row: Row) -> np.ndarray:
            return np.ones(3) * (1 / len(row["facemae_frames"]))

    result = Strict(on_error="null")({"facemae_frames": [[1, 2], []], "uuid": ["a", "b"]})
    assert result["emollama_status"] == ["ok", "unexpected"]
    assert "uuid 'b': strict met ZeroDivisionError" in result["emollama_error"][1]


def test_a_wrong_shape_in_a_row_that_is_ok_is_an_error_and_no_null() -> None:
    class Pair(Brightness):
        name = "pair"

        def outputs(self) -> dict[str, Column]:
            return {"pair": Column(List(Value("float32"), length=2), "two ones")}

        def compute(self, items: list[np.ndarray]) -> list[dict[str, Any] | ClipError]:
            return [{"pair": np.ones(len(item), np.float32)} for item in items]

    assert Pair()({"facemae_frames": [np.ones(2), np.ones(2)]})["pair"].tolist() == [[1, 1], [1, 1]]
    with pytest.raises(
        ValueError, match=r"'pair', row 1 of the batch: the stage computed the shape \(3,\), declared is \(2,\)"
    ):
        Pair()({"facemae_frames": [np.ones(2), np.ones(3)]})


def test_a_second_map_finds_the_cache(tmp_path: Any, sampled: dict[str, list[Any]]) -> None:
    Dataset.from_dict({"facemae_frames": sampled["facemae_frames"]}).save_to_disk(str(tmp_path / "ds"))
    ds = datasets.load_from_disk(str(tmp_path / "ds"))
    first = ds.map(FaceMAEEmbed("random-tiny"), batched=True)
    second = ds.map(FaceMAEEmbed("random-tiny", batch_size=4), batched=True)
    assert first.cache_files == second.cache_files
    other = ds.map(FaceMAEEmbed("random-tiny", dtype="bfloat16"), batched=True)
    assert other.cache_files != first.cache_files


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++, which is not installed")
@pytest.mark.parametrize("stage", [FaceMAEEmbed, VideoMAEEmbed])
def test_compiled_stages_compute_the_same_and_have_the_same_fingerprint(stage, sampled) -> None:
    plain, compiled = stage("random-tiny"), stage("random-tiny", compile=True)
    assert compiled.fingerprint == plain.fingerprint
    (column,) = plain.makes
    expected = plain(sampled)[column]
    assert all(isinstance(block.forward, CompiledForward) for block in compiled.model().blocks())
    np.testing.assert_allclose(compiled(sampled)[column], expected, atol=1e-5)
