"""Wall time and memory of selection over 10, 100 and 1,000 devices on two hosts.

The sources are trained for one epoch and the student for one step, so selection dominates. Each device has a
name, a profile and a link of its own, and each of its frames is counted, sent through the simulated network,
decoded and ranked on its own. Models and samples are those of ten domains, and a host works out an answer
once for all devices of a domain. Memory is that of all processes, Ray's included, whose fixed part shows in
ten devices; a page that processes share counts once. Ray's start and stop and ten source trainings are in the
time of the whole process alone.
"""

from __future__ import annotations

import tempfile
from statistics import median

from benchmarks.figure import Figure
from benchmarks.process import HAT_SIM, Watched, watch

COUNTS = (10, 100, 1000)
ROUNDS = 3
TABLE = "Selection over a growing fleet, on two hosts"


def run(quick: bool) -> list[Figure]:
    """The sizes in turn, again and again; medians."""
    measured: dict[int, list[Watched]] = {count: [] for count in COUNTS}
    for _ in range(1 if quick else ROUNDS):
        for count, runs in measured.items():
            with tempfile.TemporaryDirectory() as out:
                runs.append(watch([*_command(HAT_SIM, count), "--out", f"{out}/run"], memory=True))
    figures = []
    for count, runs in measured.items():
        peak = median(it.peak_bytes for it in runs)
        selection = median(_selection_s(it) for it in runs)
        columns = [
            ("coarse and fine selection", selection, "s"),
            ("of it for each device", 1000 * selection / count, "ms"),
            ("simulation, joining to trained", median(_simulation_s(it) for it in runs), "s"),
            ("whole process", median(it.wall_s for it in runs), "s"),
            ("peak memory, all processes", peak / 2**20, "MiB"),
            ("peak memory, each device", peak / 2**20 / count, "MiB"),
        ]
        command = " ".join(_command("hat-sim", count))
        figures += [
            Figure(TABLE, f"{count:,} devices", name, value, unit, command) for name, value, unit in columns
        ]
    return figures


def _command(program: str, count: int) -> list[str]:
    scenario = "benchmarks/fleet_scale.yaml"
    return [program, "run", scenario, "--hosts", "2", "--set", f"sources.count={count}"]


def _selection_s(run: Watched) -> float:
    """From the first request of coarse selection to the request for the chosen models."""
    return run.at("transfer: model_request") - run.at("coarse: join")


def _simulation_s(run: Watched) -> float:
    """From the first request to the trained student."""
    return run.at(": done") - run.at("coarse: join")
