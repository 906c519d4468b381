"""A whole `hat-sim run scenarios/hapt.yaml` against its trainings in a bare torch loop."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cold import cold_cache
from benchmarks.figure import Bound, Figure
from benchmarks.process import HAT_SIM, Watched, watch

MOST = 1.3
ROUNDS = 3
RUN = [HAT_SIM, "run", "scenarios/hapt.yaml", "--hosts", "2"]
TABLE = "A whole run of hapt.yaml"
COMMAND = "python -m benchmarks hapt_run"
STAGES = (
    ("start", "starting Ray"),
    ("Ray, and training the sources", "models ready"),
    ("the target joins", "coarse: join"),
    ("selection and transfer", "train: joint training"),
    ("joint training", ": done"),
)
"""The stages of a run, each with the line that ends it."""


@dataclass(frozen=True)
class _Round:
    """One measurement each of a cold run, a warm run, the bare loop, and Ray with its seconds until ready."""

    cold: Watched
    warm: Watched
    bare: Watched
    ray: Watched
    ray_ready_s: float
    retrained: int


def run(quick: bool) -> list[Figure]:
    """Rounds of all of them in turn; medians. The bare loop must reach the run's very accuracies."""
    rounds = [_round() for _ in range(1 if quick else ROUNDS)]
    cold, bare = median(it.cold.wall_s for it in rounds), median(it.bare.wall_s for it in rounds)
    ray, ray_whole = median(it.ray_ready_s for it in rounds), median(it.ray.wall_s for it in rounds)
    stages = _stages([it.cold for it in rounds])
    bound = MOST * bare + ray
    longest = sorted(stages, key=lambda it: -it[1])[:3]
    figures = [
        _figure(
            "cold run",
            cold,
            reference=f"{MOST} x {bare:.1f} s of the bare loop + {ray:.1f} s of Ray's start-up",
            bound=Bound("at most", bound),
            note="" if cold <= bound else _reason(cold - bound, longest),
        ),
        _figure("bare torch loop, two processes", bare),
        _figure("Ray's start-up, until two actors have torch", ray),
        _figure("Ray's start-up and stop, whole process", ray_whole),
        _figure("warm run", median(it.warm.wall_s for it in rounds)),
        Figure(
            TABLE,
            "warm run",
            "sources retrained",
            max(it.retrained for it in rounds),
            "",
            COMMAND,
            reference="none: all come from the cache",
            bound=Bound("at most", 0),
        ),
    ]
    figures += [
        Figure("Where the cold run's time goes", name, "wall time", seconds, "s", COMMAND)
        for name, seconds in stages
    ]
    return figures


def _round() -> _Round:
    with cold_cache("hapt") as cache, tempfile.TemporaryDirectory() as out:
        environment = {"HAT_SIM_CACHE": str(cache)}
        cold = watch([*RUN, "--out", f"{out}/cold"], environment)
        result = _read(f"{out}/cold/result.json")
        selected = result["targets"][0]["selected"]
        bare = watch([sys.executable, "-m", "benchmarks.bare_loop", *selected], environment)
        _check_same_trainings(bare.lines[-1][1], result)
        ray = watch([sys.executable, "-m", "benchmarks.ray_startup"])
        warm = watch([*RUN, "--out", f"{out}/warm"], environment)
        retrained = _read(f"{out}/warm/environment.json")["sources_trained"]
    return _Round(cold, warm, bare, ray, float(ray.lines[-1][1].rpartition(" ")[2]), retrained)


def _check_same_trainings(line: str, result: dict[str, Any]) -> None:
    """RuntimeError unless the bare loop reached the accuracies of the run, digit by digit."""
    _, accuracy, _, alone = line.split()
    found = (float(f"{float(accuracy):.9g}"), float(f"{float(alone):.9g}"))
    expected = (result["accuracy"], result["accuracy_target_only"])
    if found != expected:
        raise RuntimeError(f"the bare loop reached {found}, the run {expected}: not the same trainings")


def _stages(runs: list[Watched]) -> list[tuple[str, float]]:
    """Median seconds of each stage, from the lines that the runs printed, until the process has ended."""
    ends = [[0.0, *(run.at(text) for _, text in STAGES), run.wall_s] for run in runs]
    names = [*(name for name, _ in STAGES), "judging, exporting, writing, stopping Ray"]
    return [(name, median(it[k + 1] - it[k] for it in ends)) for k, name in enumerate(names)]


def _reason(excess_s: float, longest: list[tuple[str, float]]) -> str:
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in longest)
    return f"{excess_s:.1f} s over; the longest stages of the run: {parts}"


def _figure(
    row: str, seconds: float, reference: str = "", bound: Bound | None = None, note: str = ""
) -> Figure:
    return Figure(TABLE, row, "wall time", seconds, "s", COMMAND, reference=reference, bound=bound, note=note)


def _read(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content
