"""The gate's decisions, its file and its command line. What it measures is not run here, but for one small ratio."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import gate
from benchmarks.gating.baseline import Baseline, differences, read_baseline, this_machine, write_baseline
from benchmarks.gating.clock import undisturbed
from benchmarks.gating.encoders import PARTS, open_encoder
from benchmarks.gating.measurements import MEASUREMENTS, RATIOS
from benchmarks.gating.ratio import Measurement, Ratio, Round
from benchmarks.gating.rounds import measure_in_turns
from benchmarks.gating.verdict import Estimate, Outcome, estimate, is_settled, judge, limit_of

RATIO = st.floats(0.01, 100)
ENTRY = {"ratio": 1.0, "low": 0.99, "high": 1.01, "rounds": 9}


# Deciding


@given(RATIO, st.lists(st.floats(1.001, 9), min_size=6, max_size=40))
def test_rounds_that_all_exceed_the_limit_fail(recorded: float, excess: list[float]) -> None:
    values = [limit_of(recorded) * one for one in excess]
    assert judge(estimate(values), recorded) is Outcome.SLOWER


@given(RATIO, st.lists(st.floats(0.1, 1), min_size=6, max_size=40))
def test_rounds_that_all_keep_the_limit_pass(recorded: float, share: list[float]) -> None:
    outcome = judge(estimate([limit_of(recorded) * one for one in share]), recorded)
    assert outcome in (Outcome.WITHIN, Outcome.FASTER)


@given(RATIO, st.lists(st.floats(0.1, 9), max_size=5))
def test_five_rounds_or_fewer_never_decide(recorded: float, share: list[float]) -> None:
    assert judge(estimate([recorded * one for one in share]), recorded) is Outcome.UNDECIDED


@given(st.lists(RATIO, min_size=1, max_size=40), st.randoms())
def test_an_estimate_holds_its_median_and_ignores_the_order(values: list[float], random: Any) -> None:
    found = estimate(values)
    assert found.low <= found.ratio <= found.high
    random.shuffle(values)
    assert estimate(values) == found


@given(st.lists(RATIO, min_size=9, max_size=40), st.floats(1e3, 1e6))
def test_one_outlier_does_not_move_the_interval_beyond_its_neighbour(values: list[float], outlier: float) -> None:
    # With 9 rounds the second largest is the bound: one disturbed round decides nothing.
    assert estimate([*sorted(values)[:-1], outlier]).high == estimate(values).high


@pytest.mark.parametrize(
    ("count", "bound"), [(6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (15, 4), (20, 6), (30, 10)], ids=str
)
def test_the_interval_is_that_of_the_sign_test(count: int, bound: int) -> None:
    """The sign test's: the largest bound with 2 P(Binomial(count, 1/2) < bound) <= 0.05."""
    found = estimate([float(one) for one in range(1, count + 1)])
    assert (found.low, found.high) == (bound, count + 1 - bound)


def test_faster_by_more_than_the_tolerance_is_said() -> None:
    assert judge(Estimate(0.8, 0.7, 0.89, 9), 1.0) is Outcome.FASTER
    assert judge(Estimate(0.8, 0.7, 0.91, 9), 1.0) is Outcome.WITHIN


def test_a_limit_inside_the_interval_is_undecided_and_one_at_its_edge_passes() -> None:
    assert judge(Estimate(1.2, 1.05, 1.3, 9), 1.0) is Outcome.UNDECIDED
    assert judge(Estimate(1.05, 1.0, limit_of(1.0), 9), 1.0) is Outcome.WITHIN


def test_a_failure_is_confirmed_by_more_rounds_and_a_pass_is_not() -> None:
    assert is_settled([1.0] * 6, 1.0)
    assert not is_settled([1.2] * 9, 1.0)
    assert is_settled([1.2] * 10, 1.0)


# Rounds in turns


def measurement(*pairs: dict[str, tuple[float, float]], log: list[str], seconds: float = 0.0) -> Measurement:
    """Rounds that give these pairs one after the other, the last one for ever, and write their names to a log."""
    left = list(pairs)

    def one_round() -> dict[str, tuple[float, float]]:
        time.sleep(seconds)
        log.append(next(iter(left[0])))
        return left.pop(0) if len(left) > 1 else left[0]

    def opened(folder: Path) -> AbstractContextManager[Round]:
        assert folder.is_dir()
        return nullcontext(one_round)

    return Measurement(tuple(Ratio(name, "", "") for name in pairs[0]), opened)


def after(count: int, name: str, values: list[float]) -> bool:
    return len(values) >= count


def test_a_ratio_gets_rounds_until_it_is_settled(tmp_path: Path) -> None:
    log: list[str] = []
    pairs = [{"a": (1.0, 2.0), "work": (8.0, 1.0)}, {"a": (3.0, 2.0), "work": (8.0, 1.0)}]
    values = measure_in_turns(
        [measurement(*pairs, log=log)],
        {"a", "work"},
        tmp_path,
        is_settled=partial(after, 3),
        deadline=time.monotonic() + 60,
    )
    assert values == {"a": [0.5, 1.5, 1.5], "work": [8.0, 8.0, 8.0]}


def test_long_rounds_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gating.rounds.TURN_SECONDS", 0.0)
    log: list[str] = []
    both = [measurement({"a": (1.0, 1.0)}, log=log), measurement({"b": (1.0, 1.0)}, log=log)]
    measure_in_turns(both, {"a", "b"}, tmp_path, is_settled=partial(after, 2), deadline=time.monotonic() + 60)
    assert log == ["a", "b", "a", "b"]


def test_what_nobody_wants_is_not_opened(tmp_path: Path) -> None:
    log: list[str] = []
    both = [measurement({"a": (1.0, 1.0)}, log=log), measurement({"b": (1.0, 1.0)}, log=log)]
    values = measure_in_turns(both, {"b"}, tmp_path, is_settled=partial(after, 2), deadline=time.monotonic() + 60)
    assert (values, log) == ({"b": [1.0, 1.0]}, ["b", "b"])


def test_no_round_is_begun_that_would_end_too_late(tmp_path: Path) -> None:
    one = measurement({"a": (1.0, 1.0)}, log=[], seconds=0.2)
    values = measure_in_turns([one], {"a"}, tmp_path, is_settled=partial(after, 99), deadline=time.monotonic() + 0.5)
    assert len(values["a"]) <= 2


def test_a_time_that_is_over_leaves_no_values(tmp_path: Path) -> None:
    one = measurement({"a": (1.0, 1.0)}, log=[])
    assert measure_in_turns([one], {"a"}, tmp_path, is_settled=partial(after, 1), deadline=0.0) == {"a": []}


def test_the_clock_counts_waiting() -> None:
    start = undisturbed()
    time.sleep(0.05)
    assert undisturbed() - start > 0.045


# gate.json


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    written = Baseline(this_machine(), {"frames": Estimate(1.1, 1.0, 1.2, 7)})
    write_baseline(path, written)
    assert read_baseline(path) == written
    assert not differences(written.machine, this_machine())
    assert [file.name for file in tmp_path.iterdir()] == ["gate.json"]


def test_the_recorded_file_has_every_ratio() -> None:
    assert set(read_baseline(gate.BASELINE).ratios) == set(RATIOS)


def test_no_two_ratios_share_a_name() -> None:
    assert len(RATIOS) == sum(len(one.names) for one in MEASUREMENTS)


def test_a_difference_of_machines_is_named() -> None:
    assert differences({"cores": "2", "torch": "2.9"}, {"cores": "4", "torch": "2.9"}) == ["cores 2 → 4"]


BROKEN = {
    "no JSON": "{",
    "no text": b"\xff\xfe\x00",
    "a list": "[]",
    "no ratios": '{"machine": {}}',
    "no number": json.dumps({"machine": {}, "ratios": {"frames": {**ENTRY, "ratio": "fast"}}}),
    "zero": json.dumps({"machine": {}, "ratios": {"frames": {**ENTRY, "ratio": 0}}}),
    "nan": json.dumps({"machine": {}, "ratios": {"frames": {**ENTRY, "ratio": float("nan")}}}),
    "no interval": json.dumps({"machine": {}, "ratios": {"frames": {"ratio": 1.0}}}),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_one_line(content: str | bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gate.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert gate.main(["--baseline", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(str(path))
    assert error.count("\n") == 1
    assert "record anew" in error


# The command


def recorded(path: Path, **ratios: float) -> list[str]:
    """Arguments that compare with these ratios."""
    write_baseline(path, Baseline(this_machine(), {n: Estimate(r, r, r, 9) for n, r in ratios.items()}))
    return ["--baseline", str(path)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "missing.json"], "missing.json does not exist. Record one on this machine with --record."),
        (["--only", "frame"], "--only frame: no such ratio. Known: frames, "),
        (["--seconds", "0"], "--seconds 0 is no time to measure in"),
        (["--seconds", "nan"], "--seconds nan is no time to measure in"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_a_ratio_that_the_file_lacks_is_named_with_what_records_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = recorded(tmp_path / "some.json", frames=1.1)
    assert gate.main([*arguments, "--only", "frames", "write", "extract"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{tmp_path}/some.json lacks extract, write. Record what is new: python -m benchmarks.gate")
    assert f"--only extract write --baseline {tmp_path}/some.json" in error


def test_ratios_of_two_machines_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.json"
    write_baseline(path, Baseline({**this_machine(), "cores": "1000"}, {"frames": Estimate(1.1, 1.0, 1.2, 9)}))
    assert gate.main(["--record", "--only", "frames", "--baseline", str(path)]) == 1
    assert "was recorded on another machine (cores 1000 → " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ratio", "status", "sentence"),
    [
        (1.05, 0, "frames: 1.05 (1.05 to 1.05, 10 rounds); recorded 1, limit 1.1."),
        (1.2, gate.SLOWER, "frames: SLOWER by 20%: processor time of the frames stage of a clip of 10 s to "),
        (0.8, 0, "frames: faster by 20%: processor time of the frames stage of a clip of 10 s to "),
    ],
    ids=["within", "slower", "faster"],
)
def test_the_outcome_is_a_status_and_a_sentence(
    ratio: float, status: int, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    was = Baseline(this_machine(), {"frames": Estimate(1.0, 0.99, 1.01, 9)})
    assert gate._compare(tmp_path / "gate.json", was, {"frames": estimate([ratio] * 10)}) == status
    out, error = capsys.readouterr()
    assert json.loads(out)["ratio"] == ratio
    assert error.startswith(sentence)
    assert ("--record --only frames" in error) == (ratio != 1.05)


@pytest.mark.parametrize("stage_name", PARTS)
def test_one_round_of_an_encoder(stage_name: str, tmp_path: Path) -> None:
    """So that the code of the measurements is run here and now: with random-tiny where its widths do."""
    model = None if stage_name == "emollama_embed" else "random-tiny"
    with open_encoder(tmp_path, stage_name=stage_name, model=model) as one_round:
        first, second = one_round(), one_round()
    parts = PARTS[stage_name]
    assert first.keys() == {*parts, *(f"{part}-work" for part in parts)}
    assert all(numerator > 0 and denominator > 0 for numerator, denominator in first.values())
    assert all(first[f"{part}-work"] == second[f"{part}-work"] for part in parts)


def test_a_noisy_ratio_has_a_status_of_its_own_unless_another_is_slower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    was = Baseline(this_machine(), {"frames": Estimate(1.0, 1.0, 1.0, 9), "write": Estimate(1.0, 1.0, 1.0, 9)})
    noisy, slower = estimate([0.9, 1.0, 1.05, 1.1, 1.2, 1.3, 1.4]), estimate([2.0] * 10)
    assert gate._compare(tmp_path, was, {"frames": noisy}) == gate.UNDECIDED
    assert "too noisy to tell" in capsys.readouterr().err
    assert gate._compare(tmp_path, was, {"frames": noisy, "write": slower}) == gate.SLOWER
    capsys.readouterr()
    assert gate._compare(tmp_path, was, {"frames": estimate([1.0] * 5)}) == gate.UNDECIDED
    assert "the time was over after 5 rounds" in capsys.readouterr().err


def test_noise_is_not_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, none = tmp_path / "gate.json", Baseline({}, {})
    assert gate._record(path, none, {"frames": estimate([0.9, 1.0, 1.05, 1.1, 1.2, 1.3])}) == gate.UNDECIDED
    assert gate._record(path, none, {"frames": estimate([])}) == gate.UNDECIDED
    assert not path.exists()
    assert gate._record(path, none, {"frames": estimate([1.0] * 6)}) == 0
    assert read_baseline(path).ratios == {"frames": Estimate(1.0, 1.0, 1.0, 6)}


def test_it_starts_as_a_program_and_bad_input_needs_no_torch() -> None:
    code = (
        "import sys, benchmarks.gate as gate; status = gate.main(['--only', 'x']); "
        "sys.exit(9 if 'torch' in sys.modules or 'datasets' in sys.modules else status)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=gate.BASELINE.parents[1]
    )
    assert (finished.returncode, finished.stdout) == (1, "")
