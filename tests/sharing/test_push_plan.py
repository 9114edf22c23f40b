"""Which rows a push writes, for every pair of what is published and what comes."""

from __future__ import annotations

import pytest
from datasets import Features, Value

from emollama_hf import ShareError
from emollama_hf.feature_set.file_counts import FileCounts
from emollama_hf.feature_set.manifest import FeatureConfig, FeatureFile
from emollama_hf.sharing.names.row_names import forgotten_name
from emollama_hf.sharing.push_plan import plan_rows


def published(rows: dict[str, str], *failed: str, forgotten: tuple[str, ...] = ()) -> FeatureConfig:
    """A configuration in one file: digests of the rows by their names."""
    file = FeatureFile("", 0, "", FileCounts(), rows, failed)
    return FeatureConfig({}, Features({"uuid": Value("string")}), {"data/a": file}, forgotten=forgotten)


@pytest.mark.parametrize(
    ("there", "here", "allowed"),
    [("ok", "ok", False), ("failed", "ok", True), ("failed", "failed", False), ("ok", "failed", False)],
)
def test_only_a_failure_gives_way_and_only_to_features(there: str, here: str, allowed: bool) -> None:
    before = published({"u1": "old"}, *(["u1"] if there == "failed" else []))
    rows = {"u1": ("new", "ok" if here == "ok" else "not_a_video")}
    if not allowed:
        with pytest.raises(ShareError, match=r"1 rows are published already with other values: 'u1'\."):
            plan_rows(rows, before, replace=False)
    plan = plan_rows(rows, before, replace=not allowed)
    assert (plan.digests, plan.replaced, plan.unchanged) == ({"u1": "new"}, {"u1"}, 0)
    assert plan.failed == ({"u1"} if here == "failed" else set())


def test_equal_rows_are_unchanged_and_new_ones_replace_nothing() -> None:
    before = published({"u1": "a", "u2": "b", "u3": "c"}, "u2")
    plan = plan_rows({"u1": ("a", "ok"), "u2": ("b", "no_frames"), "u4": ("d", "ok")}, before, replace=False)
    assert (plan.digests, plan.failed, plan.replaced, plan.unchanged) == ({"u4": "d"}, set(), set(), 2)
    first = plan_rows({"u1": ("a", "no_frames")}, None, replace=False)
    assert (first.digests, first.failed, first.replaced, first.unchanged) == ({"u1": "a"}, {"u1"}, set(), 0)


def test_forgotten_rows_are_counted_and_left_out_unless_they_are_asked_for() -> None:
    before = published({"u1": "a"}, forgotten=(forgotten_name("u2"),))
    rows = {"u1": ("a", "ok"), "u2": ("b", "ok"), "u3": ("c", "ok")}
    plan = plan_rows(rows, before, replace=False, forgotten=before.forgotten)
    assert (set(plan.digests), plan.unchanged, plan.forgotten) == ({"u3"}, 1, 1)
    plan = plan_rows(rows, before, replace=False)
    assert (set(plan.digests), plan.unchanged, plan.forgotten) == ({"u2", "u3"}, 1, 0)


@pytest.mark.parametrize(("count", "more"), [(5, "'u4'."), (6, "'u4' and 1 more."), (8, "'u4' and 3 more.")])
def test_a_refusal_names_five_rows_and_counts_the_others(count: int, more: str) -> None:
    names = [f"u{number}" for number in range(count)]
    with pytest.raises(ShareError) as raised:
        plan_rows(dict.fromkeys(names, ("new", "ok")), published(dict.fromkeys(names, "old")), replace=False)
    assert f"{count} rows are published already with other values: 'u0', 'u1', 'u2', 'u3', {more}" in str(raised.value)
