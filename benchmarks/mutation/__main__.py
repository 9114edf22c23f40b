"""How many small faults the tests notice: `python -m benchmarks.mutation [--number 300] [--seed 13] [--again]`.

Draws mutants at random (`mutants.py`), measures once which tests run which lines (`reach.py`), and runs each mutant
against the tests that run its line. Prints a line a mutant and a table, and lists the survivors with their changes.
Everything is kept in `.mutation/`: a run that was stopped goes on where it was. `--again` runs the survivors against
the tests as they are now.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

if not Path("emollama_hf", "stage.py").is_file():
    sys.exit(f"{Path.cwd()} is no checkout of emollama_hf, expected its root. Change into it and run the same again.")
try:
    import pytest

    from benchmarks.mutation.mutants import Mutant, draw, package_of, pytest_options, test_files
    from benchmarks.mutation.reach import LONGEST_FILE_S, Reach, measure
except ModuleNotFoundError as missing:
    sys.exit(f"{missing.name} is not installed: pip install '.[test,mutation]'")
from benchmarks.mutation.tree import Tree, import_once

#: A package's own tests are measured right before its mutants, which the tests of packages before it can notice, too.
PACKAGES = ("contracts", "conversion", "frames", "sharing", "store", "engines")
CAUGHT, SURVIVED, TIMEOUT, GONE = "caught", "survived", "timeout", "gone"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=300, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=13, help="which mutants are drawn")
    parser.add_argument("--budget", type=float, default=40.0, help="seconds of tests for one mutant, as measured")
    parser.add_argument("--again", action="store_true", help="run the survivors again, with the tests as they are now")
    parser.add_argument("--kept", type=Path, default=Path(".mutation"), help="folder of what is kept")
    arguments = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":  # ids of tests that depend on the order of a set are those measured
        os.execve(sys.executable, [*sys.orig_argv], {**os.environ, "PYTHONHASHSEED": "0"})
    kept = arguments.kept.resolve()
    kept.mkdir(exist_ok=True)
    mutants = _sample(kept / f"sample-{arguments.number}-{arguments.seed}.json", arguments.number, arguments.seed)
    results_file = kept / f"results-{arguments.number}-{arguments.seed}.jsonl"
    results = _read(results_file)
    measured: list[dict[str, Any]] = []
    with Tree() as tree:
        for package in PACKAGES:
            measured += measure(tree, [name for name in test_files() if package_of(name, PACKAGES) == package], kept)
            reach = Reach(measured)
            import_once(sorted(reach.modules))
            for i, mutant in enumerate(mutants):
                before = results.get(i)
                if mutant.package != package or (before and not (arguments.again and before["outcome"] == SURVIVED)):
                    continue
                result = {"mutant": i, **_try(tree, mutant, reach, arguments.budget, kept)}
                results[i] = result
                with results_file.open("a") as file:
                    file.write(json.dumps(result) + "\n")
                told = f"{i:3} {result['outcome']:8} {result['seconds']:6.1f} s  {mutant.path}  {result['by']}"
                print(told, flush=True)
            _list_survivors(mutants, results, kept / "survivors.md")
    if reach.failed:
        print(f"{len(reach.failed)} tests fail without any mutant and were left out: {', '.join(reach.failed)}")
    _print_table(mutants, results)
    print(f"\nThe survivors are in {kept / 'survivors.md'}.")


def _sample(path: Path, number: int, seed: int) -> list[Mutant]:
    if not path.exists():
        path.write_text(json.dumps([asdict(mutant) for mutant in draw(number, seed)], indent=1))
    return [Mutant(**{**one, "lines": tuple(one["lines"])}) for one in json.loads(path.read_text())]


def _read(path: Path) -> dict[int, dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {result["mutant"]: result for result in map(json.loads, lines)}


def _try(tree: Tree, mutant: Mutant, reach: Reach, budget_s: float, kept: Path) -> dict[str, Any]:
    tests = reach.tests(mutant, budget_s)
    told = {"tests": len(tests), "seconds": 0.0, "by": ""}
    source = (tree.root / mutant.path).read_text()
    changed = mutant.put_into(source)
    if changed is None:
        return {**told, "outcome": GONE}
    if not tests:
        return {**told, "outcome": SURVIVED, "by": "no test runs this file"}
    expected_s = sum(reach.seconds[test] for test in tests)
    options = [*pytest_options(), "-x", "--tb=line", "--hypothesis-seed=0"]
    tree.write(mutant.path, changed)
    started = time.monotonic()
    output = kept / "last.txt"
    code = tree.fork(lambda: int(pytest.main([*options, *tests])), output, 60 + 8 * expected_s)
    if code == pytest.ExitCode.USAGE_ERROR:  # nothing is imported any more, or a test has another id with this change
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        code = tree.fork(lambda: int(pytest.main([*options, *files])), output, LONGEST_FILE_S)
    told["seconds"] = round(time.monotonic() - started, 1)
    tree.write(mutant.path, source)
    if code is None:
        return {**told, "outcome": TIMEOUT}
    if code == 0:
        return {**told, "outcome": SURVIVED, "by": f"{len(tests)} tests"}
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", output.read_text(errors="replace"), re.MULTILINE)
    return {**told, "outcome": CAUGHT, "by": found[1] if found else f"exit code {code}"}


def _print_table(mutants: list[Mutant], results: dict[int, dict[str, Any]]) -> None:
    print(f"\n{'package':12} {'mutants':>8} {CAUGHT:>8} {TIMEOUT:>8} {SURVIVED:>8} {GONE:>8}   noticed")
    for package in [*PACKAGES, "all"]:
        numbers = [i for i, mutant in enumerate(mutants) if i in results and package in (mutant.package, "all")]
        told = Counter(results[i]["outcome"] for i in numbers)
        counted = sum(told.values()) - told[GONE]
        noticed = (told[CAUGHT] + told[TIMEOUT]) / counted if counted else 0.0
        columns = " ".join(f"{told[name]:8}" for name in (CAUGHT, TIMEOUT, SURVIVED, GONE))
        print(f"{package:12} {sum(told.values()):8} {columns}   {noticed:.3f}")


def _list_survivors(mutants: list[Mutant], results: dict[int, dict[str, Any]], path: Path) -> None:
    parts = []
    for package in PACKAGES:
        parts.append(f"## {package}\n")
        for i, mutant in enumerate(mutants):
            if mutant.package == package and results.get(i, {}).get("outcome") == SURVIVED:
                parts.append(f"{i}. `{mutant.path}`, {results[i]['by']}\n```diff\n{mutant.diff()}\n```\n")
    path.write_text("\n".join(parts))


if __name__ == "__main__":
    sys.exit(main())
