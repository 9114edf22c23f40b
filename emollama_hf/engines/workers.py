"""Who computes: how many processes of which kind, and on which machines."""

from __future__ import annotations

from dataclasses import dataclass

from emollama_hf.stages.config import check_choice

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Workers:
    """The arguments of `extract` that say who computes. They decide no result beyond rounding.

    engine: "local" or "ray". address: of a Ray cluster. num_proc: workers with a model each. num_readers: processes
    that decode ahead of the models. None: as the engine chooses.
    Raises ValueError for values that mean nothing.
    """

    engine: str = "local"
    address: str | None = None
    num_proc: int | None = None
    num_readers: int | None = None

    def __post_init__(self) -> None:
        check_choice("engine", self.engine, ENGINES)
        check_count("num_proc", self.num_proc, 1)
        # Actors of Ray have no process beside them that could decode.
        check_count("num_readers", self.num_readers, 0 if self.engine == "local" else 1)
        if self.engine == "local" and self.address is not None:
            raise ValueError(
                f"address={self.address!r} would have no effect: it is of a Ray cluster. Pass engine='ray', too."
            )


def check_count(name: str, number: object, least: int) -> None:
    """Raise ValueError unless `number` is None or a whole number of at least `least`."""
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < least):
        raise ValueError(f"{name}={number!r}: expected a whole number of at least {least}, or None")


DEFAULT_WORKERS = Workers()
