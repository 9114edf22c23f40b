"""A family of stages whose code makes other results has another version, as every stage has."""

from __future__ import annotations

import numpy as np
import pytest

from emollama_hf.stages.named_encoder import NamedEncoder
from tests.named_encoders.recorded_outputs import OUTPUTS, stage_of
from tests.stages.recorded_outputs import differences, read_record, record_of


@pytest.mark.parametrize("family", OUTPUTS, ids=lambda family: family.__name__)
def test_it_makes_what_its_version_is_recorded_with(family: type[NamedEncoder]) -> None:
    recorded, computed = read_record(record_of(stage_of(family))), OUTPUTS[family]()
    assert not differences(recorded, computed), (
        f"raise {family.__name__}.version, and run python -m tests.named_encoders.recorded_outputs; or mend it"
    )
    assert set(recorded) == set(computed)
    for name, values in computed.items():
        assert differences(recorded, {**computed, name: values * np.float32(1.001)}), name
