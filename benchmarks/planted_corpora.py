"""How often the probe finds in generated corpora what was planted in them: movement, the lamp, and nothing in noise.

    python -m benchmarks.planted_corpora --seeds 20

A seed takes some four minutes of a core. It writes a corpus, extracts `movement` and `facemae` (whose random
weights see the light), probes them with the lamp as the control, and prints a line. The last lines count seeds.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import datasets
import pandas as pd
from datasets import Dataset
from sklearn.metrics import roc_auc_score

import emollama_hf
from examples.movement_stage import Movement


def seed_counts(seed: int, participants: int, clips: int) -> dict[str, bool]:
    """Probe the corpus of one seed, print its intervals, and return what holds of them."""
    with TemporaryDirectory(prefix="emollama-planted-") as folder:
        made = emollama_hf.demo.corpus(Path(folder) / "clips", participants, clips, seed)
        both = pd.read_csv(made.labels).merge(pd.read_csv(made.planted), on="file_name")
        ds = Dataset.from_csv(str(made.labels)).add_column("video", [str(path) for path in made.clips])
        stages = ["facemae_embed", "movement"]
        emollama_hf.extract(ds, "random-tiny", stages=stages, out=Path(folder) / "features", peak="middle")
        result = emollama_hf.probe(
            Path(folder) / "features", label="mw_label", group="participant_id", fold="test_fold_num",
            columns=["movement", "facemae", "noise"], control="lamp", allow_random=True,
        )  # fmt: skip
    truth = both["mw_label"] == "MW"
    movement, light = (float(roc_auc_score(truth, both[name])) for name in ("movement", "light"))
    table = result.table.set_index("column")
    low, high, p_control = table["auc_roc_low"], table["auc_roc_high"], table["auc_roc_p_control"]
    shown = ", ".join(
        f"{name} {table['auc_roc'][name]:.2f} [{low[name]:.2f}, {high[name]:.2f}]"
        for name in ("movement", "facemae", "noise", "control")
    )
    print(f"seed {seed}: {shown}; best by movement {movement:.2f}, by light {light:.2f}", flush=True)
    above_control = {name: p_control[name] < 0.05 and table["auc_roc"][name] > table["auc_roc"]["control"]
                     for name in ("movement", "facemae")}  # fmt: skip
    return {
        "movement above chance": low["movement"] > 0.5,
        "movement above the control": above_control["movement"],
        "control above chance": low["control"] > 0.5,
        "control's interval covers the best by light": low["control"] <= light <= high["control"],
        "noise's interval covers chance": low["noise"] <= 0.5 <= high["noise"],
        "facemae above the control (must not)": above_control["facemae"],
    }


def main() -> None:
    """Count over seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--participants", type=int, default=24)
    parser.add_argument("--clips", type=int, default=8)
    asked = parser.parse_args()
    datasets.disable_progress_bars()
    emollama_hf.register(Movement)
    counts: Counter[str] = Counter()
    for seed in range(asked.seeds):
        counts.update({name: int(holds) for name, holds in seed_counts(seed, asked.participants, asked.clips).items()})
    for name, count in counts.items():
        print(f"{count} of {asked.seeds}: {name}")


if __name__ == "__main__":
    main()
