"""Options that somebody types become values of the types of their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from emollama_hf.commands.typed_options import typed_options
from emollama_hf.stages import StageConfig
from emollama_hf.stages.option_text import read_option


@dataclass(frozen=True)
class Config(StageConfig):
    count: int = 1
    share: float = 0.5
    exact: bool = False
    layers: tuple[int, ...] = (-1,)
    rule: Literal["first", "last"] | None = None
    column: str | None = None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "8", 8),
        ("share", "1", 1.0),
        ("exact", "true", True),
        ("exact", "false", False),
        ("layers", "8, 16,-1", (8, 16, -1)),
        ("rule", "last", "last"),
        ("rule", "none", None),
        ("column", "none", None),
        ("column", "0", "0"),
        ("on_error", "null", "null"),
    ],
)
def test_a_text_is_read_by_the_type_of_its_field(name: str, text: str, value: Any) -> None:
    found = read_option(name, text, Config)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("count", "1.5", "a whole number"),
        ("share", "half", "a number"),
        ("exact", "yes", "true or false"),
        ("layers", "a,b", "values with commas between them"),
        ("rule", "middle", "first or last or none"),
    ],
)
def test_a_text_of_another_type_is_an_error(name: str, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"{name}='{text}': expected {words}"):
        read_option(name, text, Config)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["num_frames"], "expected NAME=VALUE"),
        (["peak=first"], "peak has a flag of its own, --peak"),
        (["num_frames=8", "num_frames=9"], "num_frames is there twice"),
        (["frames=8"], "unknown option 'frames'. Valid: .*num_frames"),
    ],
)
def test_options_that_cannot_be_passed_on(texts: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typed_options(texts, flags=["peak"])


def test_options_of_built_in_stages() -> None:
    assert typed_options(["num_frames=8", "max_seconds=60"], flags=["peak"]) == {"num_frames": 8, "max_seconds": 60.0}
