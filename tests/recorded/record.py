"""Writes `fingerprints.json` and `features/` anew, where a change is meant: `python -m tests.recorded.record`."""

from __future__ import annotations

import json
import shutil

from emollama_hf import extract
from tests.recorded.settings import stages
from tests.recorded.source import FOLDER, OUT, SETTINGS, rows


def main() -> None:
    prints = {name: stage.fingerprint for name, stage in stages().items()}
    (FOLDER / "fingerprints.json").write_text(json.dumps(prints, indent=1) + "\n")
    shutil.rmtree(OUT, ignore_errors=True)
    extract(rows(), out=OUT, **SETTINGS)


if __name__ == "__main__":
    main()
