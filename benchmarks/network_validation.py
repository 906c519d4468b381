"""`python -m benchmarks.network_validation`: the network model against real TCP on this machine.

Sends the messages of each case between network namespaces (`benchmarks.netlab`) and prints what came out
beside the simulation. Where namespaces cannot be made it says so. Takes some minutes.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import ROOT, describe_machine
from benchmarks.netlab import lab, obstacle
from hat_sim.network.simulate import Host, Message, simulate

RESULTS = ROOT / "benchmarks" / "network_validation.json"
PATIENCE_S = 60.0
SEEDS = 100
"""So many simulations of a case that loses packets."""


@dataclass(frozen=True)
class Case:
    """Messages, sent in so many runs; over links that lose packets the mean counts, else the median."""

    name: str
    hosts: Sequence[Host]
    flows: Sequence[Message]
    runs: int

    @property
    def is_lossy(self) -> bool:
        return any(host.get("loss_percent") for host in self.hosts)

    def summary(self, makespans_s: Sequence[float]) -> float:
        return mean(makespans_s) if self.is_lossy else median(makespans_s)


def _host(mbit_s: float, path_latency_s: float, **more: float) -> Host:
    return cast(
        Host, {"up_mbit_s": mbit_s, "down_mbit_s": mbit_s, "access_latency_s": path_latency_s / 2, **more}
    )


def _flow(source: int, target: int, size: int, start_s: float = 0.0) -> Message:
    return {"src": source, "dst": target, "bytes": size, "start_s": start_s}


def _lossy(mbit_s: float, latency_s: float, percent: float, size: int, runs: int) -> Case:
    name = f"{size // 1000} kB, {mbit_s:g} Mbit/s, {latency_s * 1000:g} ms, {percent:g} % lost"
    hosts = [_host(mbit_s, latency_s, loss_percent=percent), _host(mbit_s, latency_s)]
    return Case(name, hosts, [_flow(0, 1, size)], runs)


CASES = (
    Case("100 kB, 10 Mbit/s, 20 ms", [_host(10, 0.02)] * 2, [_flow(0, 1, 100_000)], 7),
    Case("1000 kB, 10 Mbit/s, 20 ms", [_host(10, 0.02)] * 2, [_flow(0, 1, 1_000_000)], 5),
    Case("5 x 100 kB into one", [_host(10, 0.02)] * 6, [_flow(k, 5, 100_000) for k in range(5)], 5),
    Case("5 x 1000 kB into one", [_host(10, 0.02)] * 6, [_flow(k, 5, 1_000_000) for k in range(5)], 3),
    Case("1000 kB from one to 3", [_host(10, 0.02)] * 4, [_flow(0, k, 1_000_000) for k in (1, 2, 3)], 3),
    _lossy(10, 0.02, 0.2, 1_000_000, 20),
    _lossy(10, 0.02, 1, 1_000_000, 20),
    _lossy(10, 0.02, 2, 1_000_000, 15),
    _lossy(10, 0.02, 5, 1_000_000, 8),
    _lossy(50, 0.005, 1, 1_000_000, 20),
    _lossy(10, 0.02, 2, 100_000, 30),
)


def measure(case: Case) -> dict[str, Any]:
    """The case with what was measured, in the form that `hat-sim network` reads."""
    makespans_s = []
    for run in range(case.runs):
        with lab(case.hosts, seed=run) as namespaces:
            completed_s, _ = namespaces.play(case.flows, PATIENCE_S)
        makespans_s.append(max(completed_s))
    return {
        "name": case.name,
        "hosts": case.hosts,
        "flows": case.flows,
        "measured": {
            "runs": case.runs,
            "makespan_s": round(case.summary(makespans_s), 5),
            "sorted_makespans_s": [round(it, 5) for it in sorted(makespans_s)],
        },
    }


def simulated_s(case: Case) -> float:
    """The makespan of the model."""
    seeds = range(SEEDS if case.is_lossy else 1)
    return case.summary(
        [max(it.completed_s for it in simulate(case.hosts, case.flows, seed)) for seed in seeds]
    )


def shown(case: Case, measured: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """A row: the case, its runs, its makespan (a mean with its standard error), the model's, the error."""
    ours_s, theirs_s, all_s = simulated_s(case), measured["makespan_s"], measured["sorted_makespans_s"]
    spread = f" \u00b1 {stdev(all_s) / len(all_s) ** 0.5:.3f}" if case.is_lossy else ""
    error = f"{ours_s / theirs_s - 1:+.1%}"
    return case.name, str(len(all_s)), f"{theirs_s:.3f}{spread}", f"{ours_s:.3f}", error


def main(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The results, as JSON.")] = RESULTS,
) -> None:
    """Measure every case and print it beside the simulation."""
    console = Console()
    why = obstacle()
    if why is not None:
        console.print(f"real TCP cannot be measured here: {why}", markup=False)
        return
    table = Table("case", "runs", "measured s", "simulated s", "error")
    found = []
    for case in CASES:
        found.append(measure(case))
        table.add_row(*shown(case, found[-1]["measured"]))
    console.print(table)
    machine = {**describe_machine(), "kernel": platform.release()}
    machine.pop("packages")
    out.write_text(json.dumps({"machine": machine, "cases": found}, indent=1) + "\n", encoding="utf-8")
    console.print(f"written to {out}", markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
