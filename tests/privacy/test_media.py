"""Which columns hold recordings or pictures, and messages without the folders that clips are in."""

from __future__ import annotations

from datasets import Audio, Features, Image, List, Value, Video

from emollama_hf.privacy.media import media_columns, without_folder


def test_recordings_are_found_at_any_depth() -> None:
    shown = {
        "clip": Video(),
        "voice": Audio(),
        "frames": List(Value("string")),
        "stills": List(Image()),
        "deep": {"seen": [{"from_left": Image(), "at_s": Value("float32")}]},
    }
    others = {"uuid": Value("string"), "vector": List(Value("float32"), length=3), "facts": {"fps": [Value("int32")]}}
    features = Features({**others, **shown})
    features["assigned"] = [Image()]  # what is assigned stays a list; what Features is made of becomes a List
    assert media_columns(features) == [*shown, "assigned"]


def test_a_message_names_the_clip_without_its_folder_or_address() -> None:
    path = "/home/lab/P7/a.mp4"
    assert without_folder(f"{path}: no video stream", path) == "a.mp4: no video stream"
    assert without_folder(f"{path}: no video stream", {"path": path, "bytes": None}) == "a.mp4: no video stream"
    url = "https://lab.example/P7/a.mp4?token=secret"
    assert without_folder(f"{url}: status 404", url) == "a.mp4: status 404"
    assert without_folder("no video stream", b"bytes") == "no video stream"
