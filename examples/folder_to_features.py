"""Features of a folder of labelled clips, and a table of what became of them.

    python examples/folder_to_features.py clips features --labels labels.csv --model emotion-llama-hf

`labels.csv` has a column `file_name` and whatever else is known of a clip. Run it again after an interruption or with
new clips: only what is missing is computed.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from datasets import Dataset

import emollama_hf


def labelled_clips(folder: Path, labels: Path | None) -> Dataset:
    """Rows (video, file_name, labels) of the mp4 files of a folder that have labels; of all without a table."""
    if labels is None:
        paths = sorted(folder.glob("*.mp4"))
        return Dataset.from_dict({"video": [str(path) for path in paths], "file_name": [path.name for path in paths]})
    table = Dataset.from_csv(str(labels))
    return table.add_column("video", [str(folder / name) for name in table["file_name"]])


def main() -> None:
    """Extract, and print how many clips have which status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--model", default="random-tiny", help="model directory or Hub id; random-tiny means nothing")
    asked = parser.parse_args()
    ds = emollama_hf.extract(labelled_clips(asked.clips, asked.labels), asked.model, out=asked.out, pooling="mean")
    for status, count in Counter(ds["emollama_status"]).items():
        print(f"{status}: {count}")


if __name__ == "__main__":
    main()
