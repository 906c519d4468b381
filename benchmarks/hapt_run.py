"""A whole `hat-sim run scenarios/hapt.yaml` against its trainings in a bare torch loop.

The bare loop trains the same models and reaches the same accuracies, digit by digit, without Ray, messages,
selection, cache and files. Processor time is that of all processes together, and suffers less from what else
the machine does than wall time.
"""

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
    ray_ready_s = median(it.ray_ready_s for it in rounds)
    cold, bare = [it.cold for it in rounds], [it.bare for it in rounds]
    stages = _stages(cold)
    bound = Bound("at most", MOST * _wall(bare) + ray_ready_s)
    return [
        _figure(
            "cold run",
            "wall time",
            _wall(cold),
            reference=f"{MOST} x {_wall(bare):.1f} s bare + {ray_ready_s:.1f} s of Ray's start-up",
            bound=bound,
            note=_longest(stages),
        ),
        _processor_time("cold run", cold),
        _figure("bare torch loop, two processes", "wall time", _wall(bare)),
        _processor_time("bare torch loop, two processes", bare),
        _figure("Ray's start-up, until two actors have torch", "wall time", ray_ready_s),
        _figure("Ray's start-up and stop, whole process", "wall time", _wall([it.ray for it in rounds])),
        _processor_time("Ray's start-up and stop, whole process", [it.ray for it in rounds]),
        _figure("warm run", "wall time", _wall([it.warm for it in rounds])),
        _processor_time("warm run", [it.warm for it in rounds]),
        _figure(
            "warm run",
            "sources retrained",
            max(it.retrained for it in rounds),
            unit="",
            reference="none: all come from the cache",
            bound=Bound("at most", 0),
        ),
        *(
            Figure("Where the cold run's time goes", name, "wall time", seconds, "s", COMMAND)
            for name, seconds in stages
        ),
    ]


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


def _longest(stages: list[tuple[str, float]]) -> str:
    first = sorted(stages, key=lambda it: -it[1])[:3]
    return "the longest stages: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in first)


def _wall(runs: list[Watched]) -> float:
    return median(run.wall_s for run in runs)


def _processor_time(row: str, runs: list[Watched]) -> Figure:
    """Of all processes together."""
    return _figure(row, "processor time", median(run.cpu_s for run in runs))


def _figure(row: str, name: str, value: float, unit: str = "s", **more: Any) -> Figure:
    return Figure(TABLE, row, name, value, unit, COMMAND, **more)


def _read(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content
