import dataclasses
import json
import subprocess
import sys

import pytest

from emollama_hf.frames import DecodeLimits, SampleSettings


@pytest.mark.parametrize(
    ("option", "value", "valid"),
    [
        ("faces", "mtcnn", "'detect', 'none'"),
        ("crop", "tight", "'openface', 'aligned', 'box', 'none'"),
        ("peak", "loudest", "'expressive', 'middle', 'first', 'column:NAME'"),
        ("peak", "column:", "'openface:DIR'"),
        ("num_frames", 0, "above 0"),
        ("size", 2.5, "whole number"),
        ("peak_candidates", True, "whole number"),
    ],
)
def test_an_unknown_choice_lists_the_valid_ones(option, value, valid):
    with pytest.raises(ValueError, match=option) as error:
        SampleSettings(**{option: value})
    assert valid in str(error.value)


def test_settings_survive_json():
    settings = SampleSettings(size=64, peak="column:apex")
    assert SampleSettings(**json.loads(json.dumps(dataclasses.asdict(settings)))) == settings


def test_a_limit_must_be_positive():
    with pytest.raises(ValueError, match="max_seconds"):
        DecodeLimits(max_seconds=0)


def test_importing_frames_loads_nothing_heavy():
    code = (
        "import sys, emollama_hf.frames; print([m for m in ('torch', 'av', 'cv2', 'PIL', 'datasets') "
        "if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
