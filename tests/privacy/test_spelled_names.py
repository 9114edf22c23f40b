"""Names of people and files are found in the names of columns and configurations, and in nobody else's."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.privacy.personal_values import only_label_words
from emollama_hf.privacy.spelled_names import folded, spelled_in, spelling, spellings

#: Parts of a name, of which one is no word of labels: Hypothesis also draws texts of this package, such as "face".
PARTS = st.lists(st.text("abcdefgäöéñ", min_size=2, max_size=8), min_size=1, max_size=3).filter(
    lambda parts: not only_label_words(" ".join(parts))
)


@given(PARTS, st.sampled_from(["", "_", "-", " ", "."]), st.sampled_from([str.lower, str.upper, str.title]))
def test_a_name_is_found_however_it_is_written_between_other_words(parts: list[str], joint: str, case: object) -> None:
    name = " ".join(parts)
    for written in (joint.join(parts), unicodedata.normalize("NFD", joint.join(parts))):
        found = spelled_in(f"valence_{case(written)}_2", spellings([name], least=2))  # type: ignore[operator]
        assert found == spelling(name)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("annas_valence", ["Anna"]),  # another word
        ("p2_valence", ["p2"]),  # too short to say something
        ("neutral_score", ["neutral"]),  # a label
        ("valence", []),
    ],
)
def test_what_is_no_name_is_not_found(text: str, names: list[str]) -> None:
    assert spelled_in(text, spellings(names)) is None


def test_words_with_capitals_and_digits_are_taken_apart() -> None:
    assert spelled_in("ratingAnnaSmith", spellings(["anna smith"])) == "annasmith"
    assert spelled_in("Person3_valence", spellings(["person3"])) == "person3"
    assert spelled_in("person31_valence", spellings(["person3"])) is None
    assert folded("Straße\u0301") == folded("STRASSE\u0301")
