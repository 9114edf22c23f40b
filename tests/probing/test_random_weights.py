"""Features of random weights are refused: of a folder, and of what `extract` returned."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset, load_dataset, load_from_disk

import emollama_hf
from emollama_hf.frames.demo_clips import write_demo_clips
from emollama_hf.probing.probe import probe
from emollama_hf.probing.probe_error import ProbeError
from tests.extraction.crops import stack

LABELS = {"label": "kind", "group": "person", "folds": 2, "resamples": 100, "permutations": 0}


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset]:
    """Features of four clips with the weights of random-tiny: a folder, and the data set that extract returned."""
    clips = tmp_path_factory.mktemp("clips")
    write_demo_clips(clips)
    files = sorted(str(path) for path in clips.iterdir())
    ds = Dataset.from_dict({"video": (files * 2)[:4], "kind": ["a", "b", "a", "b"], "person": ["p", "p", "q", "q"]})
    out = tmp_path_factory.mktemp("work") / "features"
    made = emollama_hf.extract(ds, model="random-tiny", stages=["sample_frames", "facemae_embed"], out=out)
    return out, made


def test_a_folder_of_random_weights_is_refused(extracted: tuple[Path, Dataset]) -> None:
    with pytest.raises(ProbeError, match=r"facemae was computed with random weights.*--allow-random"):
        probe(extracted[0], **LABELS)


def test_what_extract_returned_is_refused(extracted: tuple[Path, Dataset]) -> None:
    with pytest.raises(ProbeError, match="facemae was computed with random weights"):
        probe(extracted[1], **LABELS)


def test_what_load_opened_is_refused_also_after_other_steps(extracted: tuple[Path, Dataset], tmp_path: Path) -> None:
    opened = emollama_hf.load(extracted[0]).map(lambda row: {"longer": len(row["kind"])}).select(range(4))
    opened.save_to_disk(str(tmp_path / "saved"))
    for ds in (opened, load_from_disk(str(tmp_path / "saved"))):
        with pytest.raises(ProbeError, match="facemae was computed with random weights"):
            probe(ds, **LABELS)


def test_a_named_encoder_of_random_weights_is_refused_and_not_its_neighbour(tmp_path: Path) -> None:
    rows = {"kind": ["a", "b"] * 4, "person": [f"p{index // 2}" for index in range(8)]}
    ds = Dataset.from_dict({**rows, "facemae_frames": [stack(index) for index in range(8)]})
    made = emollama_hf.extract(ds, encoders={"vit": "random-tiny"}, out=tmp_path / "features", device="cpu")
    made = made.add_column("other", [[float(index)] for index in range(8)])
    with pytest.raises(ProbeError, match="vit was computed with random weights"):
        probe(made, **LABELS, columns=["vit"])
    assert probe(made, **LABELS, columns=["other"]).random == ()
    with pytest.raises(ProbeError, match="vit was computed with random weights"):
        probe(tmp_path / "features", **LABELS)


def test_they_are_probed_where_that_is_allowed_and_the_result_says_so(extracted: tuple[Path, Dataset]) -> None:
    result = probe(extracted[0], **LABELS, allow_random=True)
    assert result.random == ("facemae",)
    assert result.conclusion.endswith("facemae: of random weights, which mean nothing.")


def test_columns_that_no_network_computed_are_not_refused(extracted: tuple[Path, Dataset]) -> None:
    result = probe(extracted[0], **LABELS, columns=["clip_duration_s"])
    assert result.random == ()


def test_a_copy_in_the_cache_says_nothing(extracted: tuple[Path, Dataset]) -> None:
    """What cannot be known is not guessed: the docstring of `probe` says so."""
    ds = load_dataset(str(extracted[0]), split="train")
    assert probe(ds, **LABELS).random == ()
