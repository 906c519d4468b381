"""The folder of a sweep: what it asks, a run folder for each finished cell, and the table of results.

`sweep.yaml` names the sweep in its first line. A sweep is unfinished as long as the outcomes are there that
its targets have computed.
"""

from __future__ import annotations

import re
from pathlib import Path

from hat_sim.sweep.grid import Grid

SWEEP, RESULTS, RESULTS_CSV, FAILURES = "sweep.yaml", "results.parquet", "results.csv", "failures.json"
CELLS = "cells"
SCHEMA = 1
_HEADER = re.compile(r"# hat-sim sweep, schema (\d+): ([0-9a-f]{64})\n")


def default_folder(grid: Grid) -> Path:
    """`sweeps/<name>-<short hash>` below the working directory: the same for any values on the same axes."""
    return Path("sweeps") / f"{grid.document.scenario.name}-{grid.sha256()[:8]}"
