"""Lists in sentences show their first values and say that there are others."""

from __future__ import annotations

import pytest

from emollama_hf.text.few_of_many import FEW, few_and_dots, few_and_more


@pytest.mark.parametrize("number", range(FEW + 1))
def test_a_short_list_is_shown_whole(number: int) -> None:
    values = [f"v{index}" for index in range(number)]
    assert few_and_more(values) == few_and_dots(values) == ", ".join(values)


def test_a_long_list_says_how_many_others_there_are() -> None:
    values = list(range(FEW + 3))
    assert few_and_more(values) == "0, 1, 2, 3, 4 and 3 more"
    assert few_and_more(values, 1) == "0 and 7 more"
    assert few_and_more(values, 2, between="; ", rest="; and {} more") == "0; 1; and 6 more"


def test_a_long_list_may_end_in_dots() -> None:
    assert few_and_dots("abc", 2) == "a, b, ..."


def test_values_are_shown_as_asked_for() -> None:
    assert few_and_more(["a{}", "b"], 1, show=repr) == "'a{}' and 1 more"
    assert few_and_dots(["a", "b"], 1, show=repr) == "'a', ..."
