"""What `verify` allows: rounding in another batch or on another card, and nothing that changes what features say."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf import schema
from emollama_hf.computing.number_types import MIXED
from emollama_hf.encoders import find_encoder
from emollama_hf.sharing.limits import FEATURE_LIMITS, LIMIT_8BIT, LIMITS, allowed_text, limit_of
from emollama_hf.stages.known_columns import compared_columns

STATES = np.random.default_rng(0).standard_normal((309, 256))


def noise(rms: float, largest: float) -> np.ndarray:
    """Differences of that root mean square, with one that is the largest."""
    values = np.random.default_rng(1).standard_normal(STATES.shape)
    values *= rms / np.sqrt((values**2).mean())
    values.flat[np.abs(values).argmax()] = largest
    return values


def stages(dtype: Any, quantize: str | None = None) -> list[dict[str, Any]]:
    """A chain as provenance lists it, each part with its own type."""
    chain = {"facemae_embed": "facemae", "videomae_embed": "videomae", "emollama_embed": "emotion_llama"}
    made: list[dict[str, Any]] = [{"stage": "sample_frames", "config": {}}]
    made += [
        {"stage": name, "config": {"dtype": find_encoder(part).computed_type(dtype)}} for name, part in chain.items()
    ]
    if quantize is not None:
        made[-1]["config"]["quantize"] = quantize
    return made


#: Differences of hidden states on an H100, random weights: (type, rms, largest), as benchmarks/README.md has them.
ROUNDING = {
    "16 clips together, each alone": ("float16", 2.6e-3, 2.5e-2),
    "the original's mixture, float32": ("float16-mixed", 2.6e-3, 1.9e-2),
    "the original's mixture, all in float16": ("float16-mixed", 4.0e-3, 2.7e-2),
    "bfloat16, the original's mixture": ("bfloat16", 3.0e-2, 1.9e-1),
}
OTHERS = {
    "a decoder in 8 bits": ("float16-mixed", 4.2e-2, 2.6e-1),
    "a decoder in 4 bits": ("bfloat16", 2.8e-1, 1.6),
    "bfloat16 that is said to be float16": ("float16", 2.0e-2, 1.3e-1),
    "TF32 that is said to be float32": ("float32", 2.8e-4, 1.7e-3),
    "a single value": ("float16-mixed", 2.6e-3, 3e-1),
}


@pytest.mark.parametrize(("dtype", "rms", "largest"), ROUNDING.values(), ids=ROUNDING)
def test_rounding_that_was_measured_is_far_within(dtype: str, rms: float, largest: float) -> None:
    share = LIMITS[dtype].share(STATES, STATES + noise(rms, largest), step=2**-10)
    assert 0.1 < share < 0.5


@pytest.mark.parametrize(("dtype", "rms", "largest"), OTHERS.values(), ids=OTHERS)
def test_anything_else_is_noticed(dtype: str, rms: float, largest: float) -> None:
    step = 2**-23 if dtype == "float32" else 2**-10
    assert LIMITS[dtype].share(STATES, STATES + noise(rms, largest), step=step) > 1


def test_each_column_is_held_to_the_type_it_was_computed_in() -> None:
    mixed = stages(MIXED)
    assert limit_of(schema.FACEMAE, mixed) == limit_of(schema.VIDEOMAE, mixed) == LIMITS["float32"]
    assert limit_of(schema.EMOLLAMA, mixed) == LIMITS[MIXED]
    assert limit_of(schema.FACEMAE, stages("float16")) == FEATURE_LIMITS["float16"]
    coarse_features = [*stages("bfloat16")[:-1], stages("float32")[-1]]
    assert limit_of(schema.EMOLLAMA, coarse_features) == LIMITS["bfloat16"], "they go into the hidden states"
    assert limit_of(schema.EMOLLAMA, stages("float32", "8bit")) == LIMIT_8BIT
    assert limit_of(schema.EMOLLAMA, stages("bfloat16", "8bit")) == LIMITS["bfloat16"]
    assert limit_of(schema.FACEMAE, stages("float32", "8bit")) == LIMITS["float32"]


def test_another_clip_is_noticed_by_its_face_features_in_every_type() -> None:
    """Of three recorded clips the nearest two are 0.059 apart, and float32 is 0.0055 from bfloat16."""
    vector, direction = STATES[0], np.sign(STATES[1])
    for dtype in ("float32", "float16", "bfloat16"):
        limit = limit_of(schema.VIDEOMAE, stages(dtype))
        assert limit.share(vector, vector + 0.059 * vector.std() * direction, step=2**-23) > 1
    assert limit_of(schema.FACEMAE, stages("bfloat16")).rms > 3 * 0.0055
    assert limit_of(schema.FACEMAE, stages("float16")).rms > 3 * 0.00077


def test_equal_values_are_equal_and_none_is_near_what_is_not_finite() -> None:
    limit, zeros = LIMITS["float32"], np.zeros(4)
    gap = np.array([1.0, np.nan, 2.0, 3.0])
    assert limit.share(zeros, zeros, step=2**-23) == limit.share(gap, gap, step=2**-23) == 0
    for other in ([1.0, 0.0, 2.0, 3.0], [1.0, np.inf, 2.0, 3.0]):
        assert limit.share(gap, np.array(other), step=2**-23) == np.inf
        assert limit.share(np.array(other), gap, step=2**-23) == np.inf
    assert limit.share(zeros, np.array([0.0, 0.0, 0.0, 1e-9]), step=2**-23) == np.inf


@given(
    st.lists(st.sampled_from(compared_columns()), min_size=1, unique=True),
    st.sampled_from(["float32", "float16", "bfloat16", MIXED]),
    st.sampled_from([None, "8bit"]),
)
def test_the_sentence_names_every_column_once_and_has_no_gaps(
    columns: list[str], dtype: Any, quantize: str | None
) -> None:
    """Vectors, matrices, single numbers, booleans, in any choice of them."""
    made = stages(dtype, quantize)
    found = {column: limit_of(column, made) for column in columns}
    said = allowed_text(columns, {column: limit for column, limit in found.items() if limit is not None})
    assert re.search(r"  |\(\)|, \(|,,|, ;|; ;|[,;] ?\.", said) is None, said
    assert all(len(re.findall(rf"\b{column}\b", said)) == 1 for column in columns), said
    assert ("root mean square" in said) == any(limit is not None for limit in found.values())


def test_the_sentence_of_facts_alone_has_no_shares_of_a_spread() -> None:
    assert allowed_text([schema.CLIP_FPS], {}) == "Allowed are 0.001 for clip_fps."
    assert allowed_text([schema.PEAK_INDEX], {}) == "Allowed are no differences for peak_index."
    assert allowed_text([schema.FACEMAE, schema.CLIP_FPS], {schema.FACEMAE: LIMITS["float32"]}) == (
        "Allowed are, as shares of the row's spread by root mean square and of a single value, 0.0001 and 0.0003 for "
        "facemae (and a step of the stored type); 0.001 for clip_fps."
    )
