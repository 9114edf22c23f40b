"""Which lines of the package each test runs, and its processor time: measured once for each file of tests."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

from benchmarks.mutation.mutants import Mutant
from benchmarks.mutation.tree import Tree

#: A test that takes longer is not run against mutants: what it alone notices needs a short one.
LONGEST_TEST_S = 15.0


class Reach:
    """What was measured of all files of tests.

    Attributes:
        seconds: Time of each test that passes and is short enough.
        failed: Tests that fail without any mutant; they say nothing and are left out.
        modules: Libraries that the tests import.
    """

    def __init__(self, files: list[dict[str, Any]]) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self.modules: set[str] = set()
        self._tests: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for file in files:
            self.modules.update(file["modules"])
            self.failed += file["failed"]
            names = list(file["seconds"])
            kept = {n for n, s in file["seconds"].items() if s <= LONGEST_TEST_S and n not in file["failed"]}
            self.seconds.update({name: file["seconds"][name] for name in kept})
            for path, lines in file["lines"].items():
                for line, numbers in lines.items():
                    self._tests[path][line].update(names[i] for i in numbers if names[i] in kept)

    def tests(self, mutant: Mutant, budget_s: float) -> list[str]:
        """The tests for a mutant, at most `budget_s` long together.

        Those that run the changed line; where none does, because a second process or an import does, those that run
        anything of the file, or else all of the folder's. The module's own first, then the folder's, the short before
        the long.
        """
        lines = self._tests.get(mutant.path, {})
        reaching = {test for line in mutant.lines for test in lines.get(line, ())}
        reaching = reaching or {test for tests in lines.values() for test in tests}
        reaching = reaching or {test for test in self.seconds if _is_own(test, mutant)}
        module, chosen, total = f"test_{Path(mutant.path).stem}.py", [], 0.0
        order = {test: (module not in test, not _is_own(test, mutant), self.seconds[test]) for test in reaching}
        for test in sorted(order, key=lambda test: (order[test], test)):
            total += self.seconds[test]
            if total > budget_s and chosen:
                break
            chosen.append(test)
        return chosen


def _is_own(test: str, mutant: Mutant) -> bool:
    name = Path(mutant.path).stem if mutant.package == "contracts" else mutant.package
    return test.startswith((f"tests/{name}/", f"tests/test_{name}.py"))


def measure(tree: Tree, test_files: list[str], folder: Path) -> list[dict[str, Any]]:
    """Run each file of tests that was not measured yet, or has changed since; what is measured is kept in a folder."""
    kept = folder / "reach"
    kept.mkdir(parents=True, exist_ok=True)
    files = []
    for name in test_files:
        digest = hashlib.sha256((tree.root / name).read_bytes()).hexdigest()[:16]
        path = kept / f"{name.replace('/', '-')}.{digest}.json"
        if not path.exists():
            started = time.monotonic()
            output = kept / f"{name.replace('/', '-')}.txt"
            code = tree.fork(lambda name=name, path=path: _run(name, path), output, 1200)  # type: ignore[misc]
            if not path.exists():
                sys.exit(
                    f"{name}: pytest ended with {code} and measured nothing, expected its tests to run; see {output}."
                )
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
        files.append(json.loads(path.read_text()))
    return files


def _run(name: str, result: Path) -> int:
    before = set(sys.modules)
    package = Path("emollama_hf").resolve()
    cover = coverage.Coverage(data_file=None, source=[str(package)], config_file=False)
    recorder = _Recorder(cover)
    cover.start()
    code = pytest.main([name, "-q", "-p", "no:cacheprovider", "-o", "addopts="], plugins=[recorder])
    cover.stop()
    if not recorder.seconds:
        return int(code)
    numbers = {test: i for i, test in enumerate(recorder.seconds)}
    contexts: dict[str, list[int]] = defaultdict(list)
    for test, names in recorder.contexts.items():
        for context in names:
            contexts[context].append(numbers[test])
    lines: dict[str, dict[str, list[int]]] = {}
    data = cover.get_data()
    for file in data.measured_files():
        source = Path(file).read_text().splitlines()
        found: dict[str, set[int]] = defaultdict(set)
        for line, names in data.contexts_by_lineno(file).items():
            for context in names:
                found[source[line - 1].strip()].update(contexts.get(context, ()))
        lines[str(Path(file).relative_to(package.parent))] = {k: sorted(v) for k, v in found.items() if v}
    told = {
        "seconds": recorder.seconds,
        "failed": sorted(recorder.failed),
        "modules": sorted(set(sys.modules) - before),
        "lines": lines,
    }
    partial = result.with_suffix(".partial")
    partial.write_text(json.dumps(told))
    partial.rename(result)
    return 0


class _Recorder:
    """A plugin of pytest: a context of coverage for each test, and one for each fixture that several tests share."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        self.contexts: dict[str, list[str]] = {}
        self._cover = cover
        self._now = ""

    def _switch(self, context: str) -> str:
        before, self._now = self._now, context
        self._cover.switch_context(context)
        return before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        fixtures = item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
        self.contexts[item.nodeid] = [item.nodeid, *(_shared(one) for found in fixtures for one in found)]
        started = _processor_s()
        before = self._switch(item.nodeid)
        try:
            return (yield)
        finally:
            self._switch(before)
            self.seconds[item.nodeid] = round(_processor_s() - started, 3)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        before = self._switch(_shared(fixturedef))
        try:
            return (yield)
        finally:
            self._switch(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)


def _processor_s() -> float:
    """Processor time of this process and of those that it has waited for: other work on the machine adds nothing."""
    return sum(os.times()[:4])


def _shared(fixturedef: pytest.FixtureDef[Any]) -> str:
    return f"{fixturedef.baseid} fixture {fixturedef.argname}"
