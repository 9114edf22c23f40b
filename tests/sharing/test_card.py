"""The card says what a colleague has to know, from the manifest alone, and its metadata is what the Hub wants."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from datasets import Dataset
from huggingface_hub import DatasetCard

from emollama_hf import extract, push
from emollama_hf.feature_set.card.coverage_picture import coverage_picture
from emollama_hf.feature_set.file_counts import COVERAGE_BINS, RowCounter, merged_counts
from emollama_hf.frames.demo_clips import write_demo_clips
from tests.sharing.labs import lab, rows


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> DatasetCard:
    """Of two filmed clips and one that is missing, pushed to a directory."""
    folder = tmp_path_factory.mktemp("lab")
    clips = [str(path) for path in write_demo_clips(folder / "clips")]
    ds = Dataset.from_dict(
        {
            "video": [*clips, str(folder / "clips" / "gone.mp4")],
            "participant_id": ["P1", "P2", "P2"],
            "mw_label": ["MW", "NonMW", "MW"],
            "test_fold_num": [0, 1, 1],
        }
    )
    extract(ds, "random-tiny", out=folder / "features", peak="middle")
    push(folder / "features", folder / "shared", license="cc-by-nc-4.0", citation="@misc{readers, year={2026}}")
    assert (folder / "shared" / "face_coverage.png").read_bytes()[:4] == b"\x89PNG"
    return DatasetCard.load(folder / "shared" / "README.md")


def test_the_first_line_says_that_weights_are_random(card: DatasetCard) -> None:
    assert card.text.strip().splitlines()[0] == (
        "> These weights are random: the features mean nothing and only show what the pipeline does."
    )


def test_metadata(card: DatasetCard) -> None:
    data = card.data.to_dict()
    assert data["license"] == "cc-by-nc-4.0"
    assert data["size_categories"] == ["n<1K"]
    assert "emotion-llama" in data["tags"]
    [config] = data["configs"]
    assert config["config_name"] == "default"
    assert [column["name"] for column in data["dataset_info"]["features"]][:3] == [
        "participant_id",
        "mw_label",
        "test_fold_num",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "# shared: Emotion-LLaMA features of video clips",
        "It contains no videos, no pictures and no face crops",
        "`facemae` | (32,) float32 | embedding of the face",
        "`file_name` | text | hash of a name that stays in the lab; **names the row**",
        "3 clips, 2 with features; failed: 1 missing_file.",
        "| `mw_label` | MW: 2, NonMW: 1 |",
        "| `test_fold_num` | 0: 1, 1: 2 |",
        "](face_coverage.png)",
        "> Please determine which emotion label in the video represents",
        "- `video`: recordings or pictures of people",
        "- `facemae_frames`: recordings or pictures of people",
        "token layout: fork",
        "face crops: openface",
        "peak frame: middle",
        "| facemae | `9465404101bfab54ce72f0b78c05ed4b4655833d3552806c8b033f4756ed354a` |",
        "emollama_hf 0.1.0, Python 3.",
        f", datasets {version('datasets')}, numpy {version('numpy')}, ",
        'ds = load_dataset("path/to/this/directory", split="train")',
        "An embedding of a face can identify a person.",
        "AffectNet ResNet-50 was the strongest encoder",
        "These features are shared under `cc-by-nc-4.0`",
        "@misc{readers, year={2026}}",
    ],
)
def test_the_sections_are_filled(card: DatasetCard, text: str) -> None:
    assert text in card.text


def test_what_was_left_out_is_listed(tmp_path: Path) -> None:
    push(extract(rows(tmp_path / "clips", 1, 2), "random-tiny", faces="none", size=32), tmp_path / "shared")
    text = (tmp_path / "shared" / "README.md").read_text()
    assert "- `frames`: places of pictures on the disk of those who shared the rows" in text
    assert "- `file_name`: names of files; rows are named by `uuid`; `--include file_name` lets it go" in text


def test_each_configuration_has_its_sections(tmp_path: Path) -> None:
    push(lab(tmp_path / "a", 1, 2), tmp_path / "shared")
    push(lab(tmp_path / "b", 1, peak="first"), tmp_path / "shared", config_name="first")
    text = (tmp_path / "shared" / "README.md").read_text()
    assert text.count("How they were made") == 2
    assert "## Configuration `first`" in text
    data = DatasetCard(text).data.to_dict()
    assert [config["config_name"] for config in data["configs"]] == ["default", "first"]


def test_counts_of_parts_are_the_counts_of_the_whole() -> None:
    ds = Dataset.from_dict(
        {
            "label": ["a", "b", None, "a"],
            "note": [f"text {n}" for n in range(4)],
            "face_coverage": [0.0, 1.0, 0.55, float("nan")],
            "emollama_status": ["ok", "ok", "no_frames", "ok"],
        }
    )
    whole, parts = RowCounter(ds.features), []
    whole.add(ds.with_format("arrow")[:])
    for span in ((0, 1), (1, 4)):
        part = RowCounter(ds.features)
        part.add(ds.with_format("arrow")[span[0] : span[1]])
        parts.append(part.counts())
    assert merged_counts(parts) == whole.counts()
    assert whole.counts().labels["label"] == {"a": 2, "b": 1, "null": 1}
    assert whole.counts().status == {"no_frames": 1, "ok": 3}
    assert whole.counts().coverage == [1, 0, 0, 0, 0, 1, 0, 0, 0, 1]


def test_the_picture_is_the_same_for_the_same_numbers() -> None:
    coverage = list(range(COVERAGE_BINS))
    assert coverage_picture(coverage) == coverage_picture(coverage)
    assert coverage_picture(coverage) != coverage_picture([0] * COVERAGE_BINS)
