"""Did anything get slower? `python -m benchmarks.gate` compares ratios within one run with benchmarks/gate.json.

Each ratio relates a part of this package to what it cannot do without (decoding, matrix products, `np.save`), measured
in the same round and in one thread, by processor time or by a clock that stands still while others use the core. Rounds
of all ratios take turns. The median counts, once the interval in which the true median lies with a probability of 95 %
is on one side of the limit, 10 % above what was recorded; until then there are more rounds, as long as time lasts.

One JSON line a ratio on standard output, a sentence each on standard error. Ends with

    0   nothing got slower
    1   nothing was decided: bad input, which one line explains
    3   something got slower
    4   nothing is known to be slower, but the machine was too busy to tell of each ratio

`--record` writes what it measures instead. Ratios depend on processor and libraries: for another kind of machine record
a file of its own, `--record --baseline FILE`, from a commit that is known to be good, and compare with that.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.gating.baseline import Baseline, differences, read_baseline, this_machine, write_baseline
from benchmarks.gating.measurements import MEASUREMENTS, RATIOS
from benchmarks.gating.ratio import GateError, Ratio
from benchmarks.gating.rounds import measure_in_turns
from benchmarks.gating.verdict import FEWEST_ROUNDS, Estimate, Outcome, estimate, is_settled, judge, limit_of

BASELINE = Path(__file__).with_name("gate.json")
SECONDS = 210.0
FAILED, SLOWER, UNDECIDED = 1, 3, 4
#: A recorded ratio is known this well, or is not recorded.
WORST_UNCERTAINTY = 0.05
#: Enough to record without using up the time.
GOOD_UNCERTAINTY, RECORDING_ROUNDS = 0.01, 11


def main(arguments: list[str] | None = None) -> int:
    """Measure and compare, or record. Returns the exit status."""
    started = time.monotonic()
    asked = _parse(arguments)
    try:
        names = _chosen(asked.only)
        if not asked.seconds > 0:
            raise GateError(f"--seconds {asked.seconds:g} is no time to measure in. The default is {SECONDS:g}.")
        recorded = _recorded(asked.baseline, names, record=asked.record)
        values = _measured(names, recorded, record=asked.record, deadline=started + asked.seconds)
        found = {name: estimate(values[name]) for name in names}
        if asked.record:
            return _record(asked.baseline, recorded, found)
        return _compare(asked.baseline, recorded, found)
    except GateError as error:
        print(error, file=sys.stderr)
        return FAILED


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"some of {', '.join(RATIOS)}")
    parser.add_argument("--record", action="store_true", help="write what is measured instead of comparing")
    parser.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE", help="default: benchmarks/gate.json")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"time for everything; default {SECONDS:g}")
    return parser.parse_args(arguments)


def _chosen(only: list[str] | None) -> list[str]:
    """Names of the ratios to measure. Raises GateError if one is unknown."""
    unknown = [name for name in only or () if name not in RATIOS]
    if unknown:
        raise GateError(f"--only {' '.join(unknown)}: no such ratio. Known: {', '.join(RATIOS)}.")
    return [name for name in RATIOS if only is None or name in only]


def _recorded(path: Path, names: list[str], *, record: bool) -> Baseline:
    """The recorded ratios; none if all are to be recorded, or the file to record in is new. Raises GateError."""
    if record and (len(names) == len(RATIOS) or not path.exists()):
        return Baseline(this_machine(), {})
    recorded = read_baseline(path)
    if record:
        changed = differences(recorded.machine, this_machine())
        if changed:
            raise GateError(
                f"{path} was recorded on another machine ({'; '.join(changed)}), and --only would mix both in one "
                "file. Leave it out, or name another file with --baseline."
            )
        return recorded
    lacking = [name for name in names if name not in recorded.ratios]
    if lacking:
        raise GateError(
            f"{path} lacks {', '.join(lacking)}. Record what is new: "
            f"python -m benchmarks.gate --record --only {' '.join(lacking)}{_option(path)}"
        )
    return recorded


def _measured(names: list[str], recorded: Baseline, *, record: bool, deadline: float) -> dict[str, list[float]]:
    def is_enough(name: str, values: list[float]) -> bool:
        if not record:
            return is_settled(values, recorded.ratios[name].ratio)
        return len(values) >= RECORDING_ROUNDS and estimate(values).uncertainty <= GOOD_UNCERTAINTY

    with tempfile.TemporaryDirectory(prefix="gate-") as name, _alone_in_one_thread(Path(name)):
        return measure_in_turns(MEASUREMENTS, set(names), Path(name), is_settled=is_enough, deadline=deadline)


@contextmanager
def _alone_in_one_thread(folder: Path) -> Iterator[None]:
    """One thread of torch, no network, no bars, and caches that nobody else has filled."""
    before = dict(os.environ)
    # Before `datasets` and the Hub client are imported: they read these once.
    os.environ.update(HF_HOME=str(folder / "home"), HF_HUB_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        os.environ.clear()
        os.environ.update(before)


def _compare(path: Path, recorded: Baseline, found: dict[str, Estimate]) -> int:
    outcomes = {name: judge(found[name], recorded.ratios[name].ratio) for name in found}
    for name, outcome in outcomes.items():
        _print_line(name, found[name], recorded=recorded.ratios[name].ratio, outcome=outcome.value)
    for name, outcome in outcomes.items():
        _say(f"{name}: {_sentence(RATIOS[name], found[name], recorded.ratios[name].ratio, outcome)}")
    meant = [name for name, outcome in outcomes.items() if outcome in (Outcome.SLOWER, Outcome.FASTER)]
    if meant:
        _say(f"If that is meant: python -m benchmarks.gate --record --only {' '.join(meant)}{_option(path)}")
    changed = differences(recorded.machine, this_machine())
    if changed:
        _say(f"{path} is of another machine, which can move a ratio by itself: {'; '.join(changed)}")
    if Outcome.SLOWER in outcomes.values():
        return SLOWER
    return UNDECIDED if Outcome.UNDECIDED in outcomes.values() else 0


def _sentence(ratio: Ratio, found: Estimate, recorded: float, outcome: Outcome) -> str:
    limit = limit_of(recorded)
    if found.rounds < FEWEST_ROUNDS:
        return (
            f"undecided: the time was over after {found.rounds} rounds, {FEWEST_ROUNDS} are the fewest. Run it again "
            "on a quieter machine, or with --seconds."
        )
    measured = f"{found.ratio:.3g} ({found.low:.3g} to {found.high:.3g}, {found.rounds} rounds)"
    against = f"recorded {recorded:.3g}, limit {limit:.3g}"
    change = abs(found.ratio / recorded - 1)
    match outcome:
        case Outcome.SLOWER:
            return f"SLOWER by {change:.0%}: {ratio.meaning} is {measured}; {against}. Look at {ratio.where}."
        case Outcome.FASTER:
            return f"faster by {change:.0%}: {ratio.meaning} is {measured}; {against}."
        case Outcome.UNDECIDED:
            return f"too noisy to tell: {measured}; {against}. Run it again on a quieter machine, or with --seconds."
    return f"{measured}; {against}."


def _record(path: Path, recorded: Baseline, found: dict[str, Estimate]) -> int:
    for name, one in found.items():
        _print_line(name, one)
    noisy = [name for name, one in found.items() if not one.uncertainty <= WORST_UNCERTAINTY]
    if noisy:
        _say(
            f"Nothing was recorded: {', '.join(noisy)} could not be measured within {WORST_UNCERTAINTY:.0%}. "
            "Run it again on a quieter machine, or with --seconds."
        )
        return UNDECIDED
    write_baseline(path, Baseline(this_machine(), {**recorded.ratios, **found}))
    _say(f"{path}: {len(found)} ratios recorded")
    return 0


def _print_line(name: str, found: Estimate, **more: Any) -> None:
    # JSON knows neither infinity nor nan.
    values = {key: value if math.isfinite(value) else None for key, value in asdict(found).items()}
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}
    print(json.dumps({"name": name, **rounded, **more}), flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _option(path: Path) -> str:
    return "" if path == BASELINE else f" --baseline {path}"


if __name__ == "__main__":
    sys.exit(main())
