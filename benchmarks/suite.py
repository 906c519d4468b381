"""What a developer waits for: the default tests, once."""

from __future__ import annotations

import sys

from benchmarks.figure import Bound, Figure
from benchmarks.process import watch

MOST_S = 300.0


def run(quick: bool) -> list[Figure]:
    """All of the default tests, or for a quick look those of the benchmarks alone."""
    chosen = ["tests/benchmarks"] if quick else []
    watched = watch([sys.executable, "-m", "pytest", "-q", *chosen])
    bound = Bound("at most", MOST_S)
    table, row, command = "The default tests", "pytest", "pytest"
    return [
        Figure(table, row, "wall time", watched.wall_s, "s", command, reference="two cores", bound=bound),
        Figure(table, row, "processor time", watched.cpu_s, "s", command),
    ]
