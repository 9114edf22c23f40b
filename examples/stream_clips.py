"""Features of clips as they come, from a stream: nothing is stored.

    python examples/stream_clips.py clips --model emotion-llama-hf

For a data set that does not fit on the disk, `load_dataset("org/name", streaming=True)` gives such a stream.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from datasets import Dataset, Features

from emollama_hf import FaceMAEEmbed


def main() -> None:
    """Print the length of each clip's face embedding, or why it has none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--model", default="random-tiny", help="model directory or Hub id; random-tiny means nothing")
    asked = parser.parse_args()
    embed = FaceMAEEmbed(asked.model, on_error="null")
    rows = Dataset.from_dict({"video": [str(path) for path in sorted(asked.clips.glob("*.mp4"))]}).to_iterable_dataset()
    assert rows.features is not None
    stream = rows.map(embed, batched=True, batch_size=4, features=Features({**rows.features, **embed.features}))
    for row in stream:
        name, status = Path(row["video"]).name, row["emollama_status"]
        print(f"{name}: {len(row['facemae'])} values" if status == "ok" else f"{name}: {row['emollama_error']}")


if __name__ == "__main__":
    main()
