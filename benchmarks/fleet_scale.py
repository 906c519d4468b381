"""Wall time and memory of selection over 10 to 100,000 devices on two hosts.

The sources are trained for one epoch and the student for one step, so selection dominates. Devices share the
models of at most a hundred pairs of domain and architecture, each trained once; each has a name, a profile,
a link, a seed and a claimed accuracy of its own. Each of its frames is encoded (once for all devices of a
pair where they have the same to say), counted, sent through the simulated network, checked, ranked and
written into the ledger on its own. The time of selection is from the first request to the request for the
chosen models, less what the hosts need to make samples and features of the pairs, which stands apart. Memory
is that of all processes, Ray's included, to the end of ledger and report; a page that processes share counts
once. Ray's start and stop and the trainings are in the time of the whole process alone.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.figure import Bound, Figure
from benchmarks.process import HAT_SIM, Watched, watch
from benchmarks.selection import A_DEVICE, GROWTH, pairs_s

COUNTS = (10, 100, 1000, 10_000, 100_000)
QUICK = (10, 1000)
ROUNDS = 3
LARGE = 10_000
"""From so many devices on the time of a device is bounded."""
HOSTS = 2
MOST_PAIRS = 100
TABLE, FILES = "Selection over a growing fleet, on two hosts", "What large fleets leave behind"
MEMORY, SIZE = Bound("at most", 3 * 1024), Bound("at most", 5_000_000)


@dataclass(frozen=True)
class _Measured:
    """A run, the seconds that one process needs for all its pairs, and the bytes of its files."""

    run: Watched
    pairs_s: float
    sizes: dict[str, int]

    @property
    def selection_s(self) -> float:
        """From the first request of coarse selection to the request for the chosen models."""
        whole = self.run.at("transfer: model_request") - self.run.at("coarse: join")
        return whole - self.pairs_s / HOSTS

    @property
    def simulation_s(self) -> float:
        """From the first request to the trained student."""
        return self.run.at(": done") - self.run.at("coarse: join")

    @property
    def files_s(self) -> float:
        """From the trained student to the closing table: judging, files, Ray's stop, report."""
        return self.run.at("target only") - self.run.at(": done")


def run(quick: bool) -> list[Figure]:
    """The sizes in turn, again and again; medians. The largest is measured once."""
    counts = QUICK if quick else COUNTS
    measured: dict[int, list[_Measured]] = {count: [] for count in counts}
    for turn in range(1 if quick else ROUNDS):
        for count in counts:
            if turn == 0 or count < max(COUNTS):
                measured[count].append(_measure(count))
    a_device = {
        count: 1000 * median(it.selection_s for it in them) / count for count, them in measured.items()
    }
    figures = []
    for count, them in measured.items():
        figures += _figures(count, them, a_device[count])
    if max(COUNTS) in measured:
        figures.append(
            Figure(
                TABLE,
                f"{max(COUNTS):,} devices",
                "of it for each device, against 1,000",
                a_device[max(COUNTS)] / a_device[1000],
                "ratio",
                "python -m benchmarks fleet_scale",
                reference="it hardly grows",
                bound=GROWTH,
            )
        )
    return figures


def _figures(count: int, them: list[_Measured], a_device: float) -> list[Figure]:
    row, command = f"{count:,} devices", " ".join(_command("hat-sim", count))
    peak = median(it.run.peak_bytes for it in them) / 2**20
    large, largest = count >= LARGE, count == max(COUNTS)

    def figure(table: str, name: str, value: float, unit: str, bound: Bound | None = None) -> Figure:
        return Figure(table, row, name, value, unit, command, bound=bound)

    figures = [
        figure(TABLE, "coarse and fine selection", median(it.selection_s for it in them), "s"),
        figure(TABLE, "of it for each device", a_device, "ms", A_DEVICE if large else None),
        figure(TABLE, "samples and features of the pairs", median(it.pairs_s for it in them) / HOSTS, "s"),
        figure(TABLE, "simulation, joining to trained", median(it.simulation_s for it in them), "s"),
        figure(TABLE, "files and report", median(it.files_s for it in them), "s"),
        figure(TABLE, "whole process", median(it.run.wall_s for it in them), "s"),
        figure(TABLE, "processor time", median(it.run.cpu_s for it in them), "s"),
        figure(TABLE, "peak memory, all processes", peak, "MiB", MEMORY if largest else None),
    ]
    if large:
        sizes = them[0].sizes
        bounded = ("report.html", "timeline.json")
        figures += [
            figure(FILES, name, size, "B", SIZE if name in bounded else None) for name, size in sizes.items()
        ]
    return figures


def _measure(count: int) -> _Measured:
    with tempfile.TemporaryDirectory() as out:
        folder = Path(out) / "run"
        watched = watch([*_command(HAT_SIM, count), "--out", str(folder)], memory=True)
        sizes = {it.name: it.stat().st_size for it in sorted(folder.iterdir()) if it.suffix in _KEPT}
    return _Measured(watched, pairs_s(min(count, MOST_PAIRS)), sizes)


_KEPT = {".parquet", ".json", ".html"}


def _command(program: str, count: int) -> list[str]:
    scenario = "benchmarks/fleet_scale.yaml"
    return [program, "run", scenario, "--hosts", str(HOSTS), "--set", f"sources.count={count}"]
