"""The cells of a study: what of their run folders the checks read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from ruamel.yaml import YAML

from benchmarks.statistics import Estimate, estimate, person_means
from benchmarks.studies import person
from hat_sim.simulation.run_folder import SCENARIO, TIMELINE, RunFolder
from hat_sim.sweep.folder import CELLS, RESULTS

MADE_UP = "made-up"


@dataclass(frozen=True)
class Checked:
    """What a check says of a study: an answer, tables of rows with a heading first, and whether the table of
    all cells tells more."""

    answer: str
    tables: Sequence[Sequence[Sequence[str]]]
    with_cells: bool = True


@dataclass(frozen=True)
class CellRun:
    """The run of a cell at a seed, with the values of its axes by path."""

    folder: RunFolder
    seed: int
    values: dict[str, Any]
    dataset: str

    def domains(self) -> dict[str, str]:
        """The domain of each target."""
        return {it["device"]: it["domain"] for it in self.folder.read_result()["targets"]}

    def training_flop(self) -> dict[str, int]:
        """The work of training of each target that has a world of its own."""
        events = json.loads((self.folder.path / TIMELINE).read_bytes())["traceEvents"]
        worlds = {it["pid"]: it["args"]["name"] for it in events if it["name"] == "process_name"}
        return {
            worlds[it["pid"]]: it["args"]["flop"] for it in events if it["ph"] == "X" and it["cat"] == "train"
        }


def runs_of_cells(sweep: Path) -> Iterator[CellRun]:
    """The runs of all cells and seeds in a sweep's table of results, in its order."""
    rows = pq.read_table(sweep / RESULTS).to_pylist()
    firsts = {(row["cell"], row["seed"]): row for row in reversed(rows)}
    for (cell, seed), row in reversed(firsts.items()):
        folder = RunFolder(sweep / CELLS / f"{cell}-s{seed}")
        scenario = YAML(typ="safe").load((folder.path / SCENARIO).read_text(encoding="utf-8"))
        yield CellRun(folder, seed, row, scenario["data"].get("dataset", MADE_UP))


def over_people(found: Sequence[tuple[str, float]]) -> Estimate | None:
    """The mean of a figure by domain, with its interval: over people, all of a person's averaged first."""
    return estimate(person_means([(person(domain), value) for domain, value in found])) if found else None


def with_interval(found: Estimate | None, show: Callable[[float], str]) -> str:
    """A mean and its interval, empty where there is none."""
    return f"{show(found.mean)} ({show(found.low)} to {show(found.high)})" if found else ""


def correlation(value: float) -> str:
    """A rank correlation as it is written: `.83`, `−.25`."""  # noqa: RUF002
    text = f"{abs(value):.2f}"
    return f"{'−' if value < 0 and float(text) else ''}{text.removeprefix('0')}"  # noqa: RUF001
