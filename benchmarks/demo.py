"""What a newcomer waits for: `make demo` when all is installed and fetched, and nothing trained yet."""

from __future__ import annotations

import sys
from statistics import median

from benchmarks.cold import cold_cache
from benchmarks.figure import Bound, Figure
from benchmarks.process import watch

MOST_S = 90.0
ROUNDS = 3


def run(quick: bool) -> list[Figure]:
    """The recipe of `make demo` with this interpreter's environment in the place of `.venv`."""
    command = ["make", "demo", f"VENV={sys.prefix}", "--old-file", f"{sys.prefix}/.installed"]
    seconds = []
    for _ in range(1 if quick else ROUNDS):
        with cold_cache("hapt") as cache:
            environment = {"HAT_SIM_CACHE": str(cache)}
            seconds.append(watch(command, environment).wall_s)
    return [
        Figure(
            "The demo",
            "make demo, installed and fetched, cold model cache",
            "wall time",
            median(seconds),
            "s",
            "make demo",
            reference="two cores",
            bound=Bound("at most", MOST_S),
        )
    ]
