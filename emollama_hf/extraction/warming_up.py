"""What the first clip of a process takes longer than it would later: libraries load, a GPU chooses its algorithms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

#: A network that took this many times as long for a first clip as for any later one was warming up, whatever the clip.
WARMING_UP = 3.0

#: Seconds of each clip by stage, by its position in the sample.
Seconds = Mapping[int, Mapping[str, float]]


def without_warming_up(
    measured: Seconds, firsts: Collection[int], order: Sequence[int], networks: Collection[str]
) -> tuple[dict[int, dict[str, float]], float]:
    """What clips cost later than first.

    Args:
        measured: seconds of each clip.
        firsts: clips that were the first of a process.
        order: of the clips by size, small ones first.
        networks: stages whose cost hardly depends on the clip.

    Returns:
        The seconds with those of first clips at most the largest of any later clip that is larger; of a network that
        took much longer than for every later clip, at most the largest of these. And the seconds that this takes off.
    """
    rank = {clip: index for index, clip in enumerate(order)}
    found: dict[int, dict[str, float]] = {}
    for clip, spent in measured.items():
        found[clip] = dict(spent)
        for stage, seconds in spent.items() if clip in firsts else ():
            later = {other: one[stage] for other, one in measured.items() if other not in firsts and stage in one}
            larger = [value for other, value in later.items() if rank.get(other, 0) >= rank.get(clip, 0)]
            if larger:
                found[clip][stage] = min(seconds, max(larger))
            elif stage in networks and later and seconds > WARMING_UP * max(later.values()):
                found[clip][stage] = max(later.values())
    excess = sum(sum(spent.values()) - sum(found[clip].values()) for clip, spent in measured.items())
    return found, excess
