"""A sweep of 100 cells over the spread of links, against 100 calls of `hat-sim run` with the same values.

The scenario is `scenarios/watch.yaml`, its sources trained before. A cell's own overhead (planning, messages,
files) is what each further cell adds, for none of them computes anything again. The time of 100 calls is that
of a sample of them, measured between the sweeps.
"""

from __future__ import annotations

import tempfile
from statistics import median

from benchmarks.figure import Bound, Figure
from benchmarks.process import HAT_SIM, Watched, watch

CELLS, FEW = 100, 20
ROUNDS, SAMPLE = 3, 2
PATH = "sources.heterogeneity.bandwidth"
SCENARIO = "scenarios/watch.yaml"
TABLE = "A sweep over links"
LEAST_RATIO, MOST_OVERHEAD_MS = 10.0, 100.0


def run(quick: bool) -> list[Figure]:
    """Rounds of a large sweep, single runs and a small sweep; medians."""
    large, single, small = [], [], []
    with tempfile.TemporaryDirectory() as out:
        watch([HAT_SIM, "run", SCENARIO, "--out", f"{out}/warm"])
        for number in range(1 if quick else ROUNDS):
            large.append(_sweep(CELLS, f"{out}/large-{number}"))
            for place in range(SAMPLE):
                spread = 0.3 * (number + 1) + 0.1 * place
                folder = f"{out}/run-{number}-{place}"
                command = [HAT_SIM, "run", SCENARIO, "--set", f"{PATH}={spread:.1f}", "--out", folder]
                single.append(watch(command))
            small.append(_sweep(FEW, f"{out}/small-{number}"))
    large_s, single_s, small_s = (median(it.wall_s for it in runs) for runs in (large, single, small))
    overhead_ms = 1000 * (large_s - small_s) / (CELLS - FEW)
    return [
        _figure(f"sweep of {CELLS} cells", "wall time", large_s, "s"),
        _figure(f"sweep of {FEW} cells", "wall time", small_s, "s"),
        _figure("hat-sim run, one of them", "wall time", single_s, "s"),
        _figure(
            f"sweep of {CELLS} cells",
            "less time than as many runs",
            CELLS * single_s / large_s,
            "ratio",
            reference=f"{CELLS} x {single_s:.1f} s of `hat-sim run`",
            bound=Bound("at least", LEAST_RATIO),
        ),
        _figure(
            "a further cell",
            "overhead",
            overhead_ms,
            "ms",
            reference="its own work is none: everything is recalled",
            bound=Bound("at most", MOST_OVERHEAD_MS),
        ),
    ]


def _sweep(cells: int, folder: str) -> Watched:
    values = f"{PATH}=0..{(cells - 1) / 100:.2f}/0.01"
    return watch([HAT_SIM, "sweep", SCENARIO, "--vary", values, "--out", folder])


def _figure(
    row: str, name: str, value: float, unit: str, reference: str = "", bound: Bound | None = None
) -> Figure:
    return Figure(
        TABLE, row, name, value, unit, "python -m benchmarks sweep", reference=reference, bound=bound
    )
