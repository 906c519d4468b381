"""Flower's simulation beside ours: `python -m benchmarks.peers install`, then `python -m benchmarks.peers`.

The environment is made below `$HAT_SIM_PEERS`, by default `~/.cache/hat_sim/peers`, never in the checkout.
The work is a round of clients that do nothing, so what is measured is what each client costs by itself.
Figures go into `benchmarks/hot_spots.json`, from which `python -m benchmarks.performance` makes its page.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.machine import ROOT, commit, describe_machine
from benchmarks.performance import HOT_SPOTS, write_page
from benchmarks.process import Watched, watch
from benchmarks.store import Entry, merge_results

HOME = Path(os.environ.get("HAT_SIM_PEERS", "~/.cache/hat_sim/peers")).expanduser()
REQUIREMENTS = {"flower": ("torch==2.13.0", "flwr[simulation]==1.42.0")}
ROUND = ROOT / "benchmarks" / "peers" / "flower_round.py"
COUNTS = (100, 1000)
TABLE = "A round of Flower's simulation, whose clients do nothing"


def install() -> None:
    """Make the environments that are not there yet."""
    for name, requirements in REQUIREMENTS.items():
        subprocess.run([sys.executable, "-m", "venv", str(HOME / name)], check=True)
        subprocess.run([str(HOME / name / "bin" / "pip"), "install", "-q", *requirements], check=True)


def measure() -> list[Figure]:
    """Rounds of few and of many clients; what one client more costs is the difference."""
    python = HOME / "flower" / "bin" / "python"
    if not python.exists():
        raise SystemExit("no Flower here; `python -m benchmarks.peers install` installs it")
    figures: list[Figure] = []
    runs: dict[int, Watched] = {}
    for count in COUNTS:
        runs[count] = run = watch(
            [str(python), str(ROUND), str(count)], {"RAY_USAGE_STATS_ENABLED": "0"}, True
        )
        ready_s, round_s, replies, failed = _said(run)
        if (replies, failed) != (count, 0):
            raise RuntimeError(f"{replies} replies of {count}, {failed} failed:\n{run.output}")
        row, command = f"{count:,} clients", f"python benchmarks/peers/flower_round.py {count}"
        columns = [
            ("start, until clients are known", ready_s, "s"),
            ("the round", round_s, "s"),
            ("of it for each client", 1000 * round_s / count, "ms"),
            ("whole process", run.wall_s, "s"),
            ("processor time", run.cpu_s, "s"),
            ("peak memory", run.peak_bytes / 2**20, "MiB"),
        ]
        figures += [Figure(TABLE, row, name, value, unit, command) for name, value, unit in columns]
    few, many = COUNTS
    each = 1000 * (runs[many].cpu_s - runs[few].cpu_s) / (many - few)
    name = "processor time of one client more"
    return [*figures, Figure(TABLE, f"{many:,} clients", name, each, "ms", "python -m benchmarks.peers")]


def _said(run: Watched) -> tuple[float, float, int, int]:
    """Seconds until ready and of the round, replies and failures, as the round printed them."""
    [line] = (line for _, line in run.lines if line.startswith("ready_s "))
    _, ready, _, lasted, _, replies, _, failed = line.split()
    return float(ready), float(lasted), int(replies), int(failed)


def main() -> None:
    if sys.argv[1:] == ["install"]:
        install()
        return
    began = time.perf_counter()
    figures = measure()
    entry = Entry(describe_machine(), commit(), False, time.perf_counter() - began, figures)
    merge_results(HOT_SPOTS, "peers", entry)
    write_page()
    for it in figures:
        print(it.row, it.name, it.value, it.unit)


if __name__ == "__main__":
    main()
