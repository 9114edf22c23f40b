"""Numbered columns that are many and alike are an array together."""

from __future__ import annotations

import re
from typing import Any

from datasets import ClassLabel, Features, List, Value
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emollama_hf.privacy.allowed_columns import left_out, reasons_held_back
from emollama_hf.privacy.column_values import ColumnValues
from emollama_hf.privacy.numbered_columns import NUMBERED, named_columns, numbered_columns, pattern_of

pieces = st.lists(st.text("apx_.[]é", min_size=1, max_size=3), min_size=2, max_size=4)
NUMBER = st.sampled_from([Value("uint8"), Value("float32"), Value("string"), ClassLabel(names=["a"]), Value("date32")])


@settings(deadline=None, max_examples=15)
@given(pieces, st.integers(250, 262), NUMBER, st.randoms())
def test_names_that_differ_in_numbers_are_one_array(parts: list[str], count: int, kind: Any, random: Any) -> None:
    names = [str(n).join(parts) for n in range(count)]
    shuffled = random.sample(names, count)
    features = Features({**dict.fromkeys(shuffled, kind), "age": Value("int8"), "vector": List(Value("float32"))})
    pattern = "*".join(parts)
    assert numbered_columns(features) == ({pattern: names} if count >= 256 else {})
    held = reasons_held_back(features, dict.fromkeys(names, ColumnValues()))
    assert [name for name in held if name != "vector"] == (shuffled if count >= 256 else [])
    assert {left_out(name, reason) for name, reason in held.items() if name != "vector"} == (
        {left_out(pattern, NUMBERED)} if count >= 256 else set()
    )
    # The line's own option names them, and nothing else.
    assert sorted(named_columns([pattern], features)) == sorted(names)


def test_pictures_of_numbered_columns_are_found_whatever_their_names() -> None:
    for name in ("p{n}", "{n}", "px_{y}_{x}", "pixel.{y}.{x}", "r{y}c{x}b"):
        names = [name.format(n=n, y=n // 48, x=n % 48) for n in range(2304)]
        (found,) = numbered_columns(dict.fromkeys(reversed(names), Value("float32"))).values()
        assert found == names, "in the order of their numbers"


def opensmile() -> list[str]:
    """Names as openSMILE's ComParE_2016 has them: descriptors, each with the same functionals."""
    described = [f"audSpec_Rfilt_sma{de}[{n}]" for de in ("", "_de") for n in range(26)]
    described += [f"mfcc_sma{de}[{n}]" for de in ("", "_de") for n in range(1, 15)]
    described += [f"pcm_fftMag_spectralRollOff{share}.0_sma{de}" for de in ("", "_de") for share in (25, 50, 75, 90)]
    functionals = ["range", "maxPos", "quartile1", "quartile2", "quartile3", "iqr1-2", "iqr2-3", "iqr1-3",
                   "percentile1.0", "percentile99.0", "pctlrange0-1", "upleveltime25", "upleveltime50",
                   "upleveltime75", "upleveltime90", "lpgain", "lpc0", "lpc1", "lpc2", "lpc3", "lpc4"]  # fmt: skip
    return [f"{one}_{functional}" for one in described for functional in functionals]


def test_tables_of_openface_and_opensmile_are_no_array() -> None:
    openface = [f"{axis}_{n}" for axis in "xyXYZ" for n in range(68)]
    openface += [f"eye_lmk_{axis}_{n}" for axis in "xyXYZ" for n in range(56)]
    openface += [*(f"p_{n}" for n in range(34)), *(f"AU{n:02d}_{kind}" for n in range(46) for kind in "rc")]
    for names in (openface, opensmile()):
        assert len(names) > 700
        assert numbered_columns(dict.fromkeys(names, Value("float64"))) == {}


def test_lists_and_bytes_are_no_single_values() -> None:
    for kind in (List(Value("float32")), Value("binary")):
        assert numbered_columns({f"p{n}": kind for n in range(300)}) == {}


@example(["1*"], ["**"])
@given(st.lists(st.text("ap1_*2", max_size=5), unique=True), st.lists(st.text("ap1_*2", max_size=5)))
def test_a_pattern_names_numbered_columns_and_a_name_its_own(columns: list[str], named: list[str]) -> None:
    expected: list[str] = []
    for name in named:
        rule = re.compile("[0-9]+".join(map(re.escape, name.split("*"))))
        matching = [column for column in columns if "*" in name and rule.fullmatch(column)]
        # Digits that the name itself has stand for themselves nowhere: a pattern has `*` for every number.
        matching = [column for column in matching if pattern_of(column) == name]
        expected += [name] if name in columns or not matching else matching
    assert named_columns(named, columns) == tuple(dict.fromkeys(expected))
