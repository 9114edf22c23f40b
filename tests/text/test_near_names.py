"""Names that somebody may have meant."""

from __future__ import annotations

from emollama_hf.text.near_names import near_names, same_but_for_case


def test_near_names() -> None:
    columns = ["emotion", "emotion_label", "video"]
    assert near_names("emotion_lable", columns)[0] == "emotion_label"
    assert near_names("Emotion ", columns)[0] == "emotion"
    assert near_names("duration", ["video"]) == []
    assert near_names("HAPPY", ["happy", "Happy"]) == ["happy", "Happy"]
    assert near_names("a", []) == []


def test_the_same_but_for_case_blanks_and_unicode_form() -> None:
    assert same_but_for_case(" Müde\t") == same_but_for_case("mu\u0308de")
    assert same_but_for_case("sad") != same_but_for_case("mad")
