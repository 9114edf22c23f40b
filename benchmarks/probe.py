"""The probe: its time, its memory, and whether planted signals, noise and confounds come out as planted.

    python -m benchmarks.probe time        # 3,437 rows, 5 columns of 1,024 values, 5 folds
    python -m benchmarks.probe solvers     # one fold's fits by this package and by scikit-learn
    python -m benchmarks.probe coverage    # how often the 95 % intervals cover the truth, 20 seeds
    python -m benchmarks.probe memory      # peak of a process that reads (309, 4096) float16, at two numbers of rows

What is true of a trained probe: the AUC-ROC, on new people without end, of the classifiers that were trained, averaged
over the folds; estimated on 20,000 rows of 1,000 new groups. It lies below that of the best classifier there is,
Phi(d / sqrt 2) for a shift of d standard deviations, since training rows are few.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory

import numpy as np
from datasets import Array2D, Dataset, Features, List, Value

from emollama_hf.probing.linear import linear_fold
from emollama_hf.probing.logistic import LogisticFits
from emollama_hf.probing.probe import probe

SEEDS = 20
WIDTH = 32
SHIFT = 1.0
#: Spread of each group's own offset, along a direction of its own: rows of a group resemble each other.
GROUP_SPREAD = 0.5


def drawn(random: np.random.Generator, groups: int, rows: int, width: int = WIDTH) -> dict[str, np.ndarray]:
    """Labels, groups, and vectors with a signal, with noise and with a confound: one number that has the label."""
    members = np.repeat(np.arange(groups), rows)
    labels = (random.random(len(members)) < random.beta(6, 14, groups)[members]).astype(int)
    offsets = random.normal(0, GROUP_SPREAD, (groups, width))[members]
    signal = random.normal(size=(len(members), width)) + offsets
    signal[:, 0] += SHIFT * labels - offsets[:, 0]
    noise = random.normal(size=(len(members), width)) + random.normal(0, GROUP_SPREAD, (groups, width))[members]
    duration = random.normal(size=(len(members), 1)) + SHIFT * labels[:, None]
    return {"labels": labels, "groups": members, "signal": signal, "noise": noise, "duration": duration}


def as_dataset(found: dict[str, np.ndarray]) -> Dataset:
    width = found["signal"].shape[1]
    vector = List(Value("float32"), length=width)
    features = {"mw_label": Value("int64"), "participant_id": Value("string"), "clip_duration_s": Value("float32"),
                "signal": vector, "noise": vector}  # fmt: skip
    columns = {
        "mw_label": found["labels"], "participant_id": [f"p{one:04d}" for one in found["groups"]],
        "clip_duration_s": found["duration"][:, 0].astype(np.float32),
        "signal": list(found["signal"].astype(np.float32)), "noise": list(found["noise"].astype(np.float32)),
    }  # fmt: skip
    return Dataset.from_dict(columns, features=Features(features))


def coverage(groups: int, rows: int) -> None:
    """Print how often intervals cover the truth, and how often the signal, the noise and the confound are found."""
    from sklearn.metrics import roc_auc_score

    new = drawn(np.random.default_rng(10**6), 1000, 20)
    counts = {name: np.zeros(4) for name in ("signal", "noise", "control")}
    for seed in range(SEEDS):
        found = drawn(np.random.default_rng(seed), groups, rows)
        result = probe(as_dataset(found), label="mw_label", group="participant_id", seed=seed, permutations=0)
        for name, key in (("signal", "signal"), ("noise", "noise"), ("control", "duration")):
            together = [np.concatenate([found[key], new[key]])]
            labels = np.concatenate([found["labels"], new["labels"]])
            members = np.concatenate([found["groups"], new["groups"] + groups])
            fresh = np.arange(len(found["labels"]), len(labels))
            truth = float(np.mean([
                roc_auc_score(new["labels"], fit.probabilities[:, 1])
                for train, _ in result.folds
                for fit in linear_fold(together, [labels], members, train, fresh, classes=2, seed=seed)
                if fit is not None
            ]))  # fmt: skip
            interval = result.scores[name].intervals["auc_roc"]
            counts[name] += (interval.low <= truth <= interval.high, interval.low > 0.5, interval.value, truth)
    best = NormalDist().cdf(SHIFT / 2**0.5)
    print(f"{groups} groups x {rows} rows, {SEEDS} seeds; the best classifier there is: {best:.3f}")
    for name, (covered, above, value, truth) in counts.items():
        means = f"mean AUC-ROC {value / SEEDS:.3f}, truth {truth / SEEDS:.3f}"
        print(f"  {name:8} covered {covered:.0f} of {SEEDS}, above chance {above:.0f}, {means}")


def time_all(rows: int = 3437, columns: int = 5, width: int = 1024) -> None:
    """Print the seconds of a whole probe of vectors."""
    random = np.random.default_rng(0)
    groups = np.sort(random.integers(0, 130, rows))
    labels = (random.random(rows) < 0.3).astype(int)
    made: dict[str, object] = {"mw_label": labels, "participant_id": [f"p{one}" for one in groups]}
    features = {"mw_label": Value("int64"), "participant_id": Value("string")}
    for number in range(columns):
        spectrum = np.arange(1, width + 1) ** -0.7
        mixed = (random.normal(size=(rows, width)) * spectrum) @ np.linalg.qr(random.normal(size=(width, width)))[0]
        mixed[:, :20] += 0.2 * number * labels[:, None] * mixed.std(axis=0)[:20]
        made[f"column{number}"] = list(mixed.astype(np.float32))
        features[f"column{number}"] = List(Value("float32"), length=width)
    ds = Dataset.from_dict(made, features=Features(features))
    started, used = time.perf_counter(), time.process_time()
    result = probe(ds, label="mw_label", group="participant_id")
    with TemporaryDirectory() as folder:
        result.save(Path(folder) / "out")
    print(f"{rows} rows, {columns} columns of {width} values, 5 folds, 3 permutations, 2,000 resamples, files: "
          f"{time.perf_counter() - started:.1f} s ({time.process_time() - used:.1f} s of processor)")  # fmt: skip


def solvers(rows: int = 2750, width: int = 1024) -> None:
    """Print the seconds of six strengths on one training part, and how far the probabilities are apart."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    random = np.random.default_rng(0)
    vectors = (random.normal(size=(rows, width)) * np.arange(1, width + 1) ** -0.7) @ np.linalg.qr(
        random.normal(size=(width, width))
    )[0]
    labels = (vectors @ random.normal(size=width) * 3 + random.logistic(size=rows) > 0.5).astype(int)
    vectors = ((vectors - vectors.mean(axis=0)) / vectors.std(axis=0)).astype(np.float32)
    grid = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.process_time()
        fits = LogisticFits(vectors, classes=2)
        found = [fits.fit(labels, strength).probabilities(vectors) for strength in grid]
        print(f"this package, float32: {time.process_time() - started:.2f} s of processor")
        for solver, dtype in (("lbfgs", np.float32), ("lbfgs", np.float64), ("newton-cholesky", np.float64)):
            model = LogisticRegression(solver=solver, class_weight="balanced", max_iter=1000, warm_start=True)
            apart, started = 0.0, time.process_time()
            for strength, own in zip(grid, found, strict=True):
                model.C = strength
                model.fit(vectors.astype(dtype), labels)
                apart = max(apart, float(np.abs(model.predict_proba(vectors.astype(dtype)) - own).max()))
            print(f"scikit-learn, {solver}, warm starts, {np.dtype(dtype)}: {time.process_time() - started:.2f} s, "
                  f"probabilities at most {apart:.4f} apart")  # fmt: skip


def memory() -> None:
    """Print the peak memory of a process that trains for an epoch on hidden states, at two numbers of rows."""
    for rows in (60, 120):
        with TemporaryDirectory() as folder:
            code = f"from benchmarks.probe import write_states; write_states({rows}, {folder!r})"
            subprocess.run([sys.executable, "-c", code], check=True)
            code = f"from benchmarks.probe import peak_of; peak_of({folder!r})"
            subprocess.run([sys.executable, "-c", code], check=True)


def write_states(rows: int, folder: str) -> None:
    """Write hidden states (309, 4096) float16 as memory-mapped Arrow."""

    def made() -> object:
        random = np.random.default_rng(0)
        for row in range(rows):
            yield {"mw_label": row % 2, "participant_id": f"p{row % 12}",
                   "emollama": random.normal(size=(309, 4096)).astype(np.float16)}  # fmt: skip

    features = Features({"mw_label": Value("int64"), "participant_id": Value("string"),
                         "emollama": Array2D((309, 4096), "float16")})  # fmt: skip
    with TemporaryDirectory(dir=folder) as cache:
        ds = Dataset.from_generator(made, features=features, cache_dir=cache, writer_batch_size=10)
        ds.save_to_disk(str(Path(folder) / "states"))


def peak_of(folder: str) -> None:
    """Probe the written states for one epoch, and print the peak of anonymous memory.

    Pages of the mapped files are left out: the system takes them back when it needs memory.
    """
    from datasets import load_from_disk

    ds = load_from_disk(str(Path(folder) / "states"))
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            status = Path("/proc/self/status").read_text()
            peak = max(peak, int(status.split("RssAnon:")[1].split()[0]))

    watching = threading.Thread(target=watch)
    watching.start()
    started = time.perf_counter()
    probe(ds, label="mw_label", group="participant_id", columns="emollama", folds=2, seeds=1, max_epochs=1,
          permutations=0, resamples=100, device="cpu")  # fmt: skip
    done.set()
    watching.join()
    print(f"{len(ds)} rows: peak of anonymous memory {peak / 1e6:.2f} GB, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else ""
    if chosen == "time":
        time_all()
    elif chosen == "solvers":
        solvers()
    elif chosen == "coverage":
        coverage(40, 15)
        coverage(130, 26)
    elif chosen == "memory":
        memory()
    else:
        print(__doc__)
