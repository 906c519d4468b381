"""The benchmarks by name. Each is a module with a docstring and one function, `run`."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from benchmarks.figure import Figure

NAMES = (
    "startup",
    "hapt_run",
    "fleet_scale",
    "selection",
    "sweep",
    "report",
    "demo",
    "suite",
    "network",
    "accuracy",
    "evidence",
)
"""In the order in which they run and stand on the page."""


class Benchmark(Protocol):
    """The module of a benchmark."""

    __doc__: str | None

    def run(self, quick: bool) -> list[Figure]:
        """Measure; `quick` shows that it works, with too few repetitions to mean much."""
        ...


def find_benchmark(name: str) -> Benchmark:
    return cast(Benchmark, importlib.import_module(f"benchmarks.{name}"))


def description(name: str) -> str:
    """What a benchmark shows and includes: its docstring."""
    return (find_benchmark(name).__doc__ or "").strip()


def summary(name: str) -> str:
    """The first paragraph of its description, in one line."""
    return " ".join(description(name).partition("\n\n")[0].split())
