"""An estimate in sentences."""

from __future__ import annotations

from collections.abc import Callable

from rich.filesize import decimal

from emollama_hf import schema
from emollama_hf.console.progress import duration
from emollama_hf.extraction.estimate import Estimate, Load
from emollama_hf.extraction.expected_total import Range
from emollama_hf.text.plural import counted, listed

#: Who limits a run, by the kind of load.
LIMITS = {
    "reading": "reading clips (decoding them, finding faces) on the cores",
    "cores": "stages without a network, on the cores",
    "networks": "the networks",
    "writing": "the process that takes in and writes the results",
    "disk": "the disk",
}
#: What a load is called beside others.
KINDS = {
    "reading": "reading",
    "cores": "stages without a network",
    "networks": "networks",
    "writing": "writing",
    "disk": "writing, mostly waiting for the disk,",
}


def sentences(estimate: Estimate) -> list[str]:
    """What an estimate says, a line for time, limit, disk, memory and each thing to know."""
    lines = [_time(estimate)]
    if estimate.limit is not None:
        lines.append(_limit(estimate, estimate.limit))
    lines += _cautions(estimate)
    lines += _disk(estimate)
    lines += _memory(estimate)
    return lines


def _time(estimate: Estimate) -> str:
    once = []
    if estimate.left and estimate.start_s >= 1:
        once.append(f"{duration(estimate.start_s)} to start")
    if estimate.folder_s >= 1:
        once.append(f"{duration(estimate.folder_s)} to write the files of the data set at the end")
    if not estimate.left:
        return f"Time: no clip is left to compute{f'; it takes {once[0]}' if once else ''}."
    others = "the other clip" if estimate.left == 1 else f"the other {estimate.left:,} clips"
    included = f", {listed(once)} included" if once else ""
    return f"Time: about {_between(estimate.time, duration)} for {others}{included}."


def _limit(estimate: Estimate, limit: Load) -> str:
    first = f"What limits it: {LIMITS[limit.kind]}."
    total = sum(load.needs.expected for load in estimate.loads) or 1.0
    if estimate.in_turn:
        shares = listed([f"{KINDS[load.kind]} {load.needs.expected / total:.0%}" for load in estimate.loads])
        return f"{first} Each clip goes through all in turn, of whose time takes: {shares}."
    alone = [f"{KINDS[load.kind]} {duration(load.needs.expected)} by {load.called}" for load in estimate.loads]
    return f"{first} All of it goes on side by side; alone it would take: {listed(alone)}."


def _cautions(estimate: Estimate) -> list[str]:
    lines = []
    if estimate.left and estimate.at_a_time > estimate.computed:
        lines.append(
            f"{estimate.at_a_time} clips are taken at a time, and the sample has {estimate.computed}: the time is "
            "computed from the seconds of a clip and the number of workers, not from how fast the sample was."
        )
    if estimate.left and estimate.computed == 1:
        lines.append("One clip says nothing of how others differ: the range is half to twice of it.")
    film, others = estimate.film_s
    if film and others.expected:
        lines.append(f"The sample has {duration(film)} of film, the others {_between(others, duration)}.")
    failed = estimate.statuses.total() - estimate.statuses[schema.OK]
    if failed:
        kinds = ", ".join(f"{n} {kind}" for kind, n in estimate.statuses.most_common() if kind != schema.OK)
        lines.append(
            f"{failed} of {counted(estimate.statuses.total(), 'sampled clip')} failed ({kinds})"
            + ("; the figures expect as many among the others." if estimate.left else ".")
        )
    return lines


def _disk(estimate: Estimate) -> list[str]:
    store = f"the work store grows by {_between(estimate.store, _size)}"
    files = f", the files of the data set take {_size(estimate.folder)}" if estimate.folder else ""
    lines = [f"Disk: {store}{files}; {_size(estimate.free)} are free there."]
    if not estimate.fits_disk:
        lines.append(
            f"This may not fit: up to {_size(estimate.disk.high)} are needed. Make room, name a folder of another "
            'disk, or store less, such as with pooling="mean" (--pooling mean).'
        )
    return lines


def _memory(estimate: Estimate) -> list[str]:
    held = ""
    if estimate.peak is not None:
        own, workers = estimate.peak
        held = f"This process has held {_size(own)} at most until now"
        held += f", the largest that it started {_size(workers)}." if workers else "."
    if estimate.gpu_peak is not None:
        held += f" Of its GPU's memory it has taken {_size(estimate.gpu_peak)}."
    if estimate.memory is None:
        return [f"Memory: {held}"] if held else []
    return [f"Memory: {estimate.memory}, by prediction. {held}".rstrip()]


def _between(span: Range, shown: Callable[[float], str]) -> str:
    low, expected, high = shown(span.low), shown(span.expected), shown(span.high)
    return expected if low == high else f"{expected} ({low} to {high})"


def _size(size: float) -> str:
    return decimal(round(size))
