"""How long a large report takes to make and to open, and how large it is.

The run has 1,000 made-up devices; the sweep has 10,000 rows of made-up results, for no sweep of that size is
run here. Opening is measured in a headless Chromium, from the navigation until every visible plot is drawn.
"""

from __future__ import annotations

import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from benchmarks.browser import Tab, find_browser
from benchmarks.figure import Bound, Figure
from benchmarks.process import HAT_SIM, watch
from hat_sim.simulation.files import write_table, write_yaml
from hat_sim.sweep.folder import RESULTS, SWEEP

DEVICES, ROWS = 1000, 10_000
ROUNDS = 3
TABLE = "Large reports"
MAKE, OPEN, SIZE = Bound("at most", 5.0), Bound("at most", 3.0), Bound("at most", 4_000_000)
WIDTH = 1200


def run(quick: bool) -> list[Figure]:
    """Both reports in turn, again and again; medians. Without a browser nothing is opened."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        command = [HAT_SIM, "run", "benchmarks/fleet_scale.yaml", "--set", f"sources.count={DEVICES}"]
        watch([*command, "--out", f"{place}/run"])
        _write_sweep(place / "sweep")
        folders = {f"run of {DEVICES:,} devices": place / "run", f"sweep of {ROWS:,} rows": place / "sweep"}
        made: dict[str, list[float]] = {name: [] for name in folders}
        opened: dict[str, list[float]] = {name: [] for name in folders}
        executable = find_browser()
        for number in range(1 if quick else ROUNDS):
            for name, folder in folders.items():
                made[name].append(watch([HAT_SIM, "report", str(folder)]).wall_s)
                if executable is not None:
                    profile = place / f"profile-{number}-{folder.name}"
                    opened[name].append(_seconds_to_open(executable, profile, folder / "report.html"))
        sizes = {name: (folder / "report.html").stat().st_size for name, folder in folders.items()}
    figures = []
    for name in folders:
        figures.append(_figure(name, "to make", median(made[name]), "s", MAKE))
        if opened[name]:
            figures.append(_figure(name, "to open", median(opened[name]), "s", OPEN))
        figures.append(_figure(name, "size", sizes[name], "B", SIZE))
    return figures


def _seconds_to_open(executable: str, profile: Path, report: Path) -> float:
    profile.mkdir()
    tab = Tab(executable, profile)
    try:
        tab.view(WIDTH)
        began = time.perf_counter()
        tab.open(report)
        return time.perf_counter() - began
    finally:
        tab.close()


def _write_sweep(folder: Path) -> None:
    """2,500 values of eta on two links, at two seeds of one target."""
    etas, links, seeds = [k / 2500 for k in range(1, 2501)], ("wifi", "lte"), (0, 1)
    rows: list[dict[str, Any]] = [
        {
            "cell": f"{eta}-{link}",
            "seed": seed,
            "target": "target-home",
            "method.eta": eta,
            "target.link": link,
            "accuracy": 0.6 + 0.2 * eta * (1 - 0.3 * eta) + 0.01 * seed,
            "accuracy_target_only": 0.65,
            "accuracy_best_source": 0.7,
            "macro_f1": 0.6,
            "payload_bytes": round(100_000 * (0.1 + eta)),
            "all_models_bytes": 500_000,
            "simulated_s": 1 + eta * (5 if link == "lte" else 1),
            "energy_j": 10 + eta * (2 if link == "lte" else 1),
        }
        for eta, link, seed in product(etas, links, seeds)
    ]
    assert len(rows) == ROWS
    folder.mkdir()
    axes = [
        {"paths": [path], "values": places, "columns": places}
        for path, places in (
            ("method.eta", [[eta] for eta in etas]),
            ("target.link", [[link] for link in links]),
        )
    ]
    cells = len(etas) * len(links) * len(seeds)
    described = {"name": "large", "notes": [], "seeds": list(seeds), "cells": cells, "axes": axes}
    write_yaml(folder / SWEEP, f"# hat-sim sweep, schema 1: {'0' * 64}", described)
    write_table(folder / RESULTS, pa.Table.from_pylist(rows))


def _figure(row: str, name: str, value: float, unit: str, bound: Bound) -> Figure:
    return Figure(TABLE, row, name, value, unit, "python -m benchmarks report", bound=bound)
