"""Processor time of coarse and fine selection over 1,000 to 100,000 devices, in one process, without Ray.

The target, one host and the conductor of `fleet_scale.yaml` call each other directly until the chosen models
are asked for. What is done once for each distinct pair of domain and architecture (training, samples,
features) is told apart. Processor time suffers less than wall time from what else the machine does.
`python -m benchmarks.selection [--profile] COUNT [PATH=VALUE ...]` shows where it goes.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from benchmarks.figure import Bound, Figure
from benchmarks.machine import ROOT
from benchmarks.process import watch
from hat_sim.garbage import collect_rarely
from hat_sim.preflight import Plan, load_checked, prepare
from hat_sim.protocol.steps import Answer, ComputeStep, Parcel
from hat_sim.simulation.conductor import Conductor
from nodes.assignments import Claiming
from nodes.casting import claims_of, joining_of, key_of, lessons_of
from nodes.host import Host, train
from nodes.joining import task_and_examination
from nodes.target import Target

SCENARIO = ROOT / "benchmarks" / "fleet_scale.yaml"
COUNTS = (1000, 10_000, 100_000)
QUICK = (1000,)
TABLE = "Processor time of selection, by part"
A_DEVICE, GROWTH = Bound("at most", 0.3), Bound("at most", 1.3)
SELECTION = ("target", "hosts", "conductor and network")

Ticket = Callable[[], Any]
Seconds = defaultdict[str, float]


class _SelectedError(Exception):
    """The target has chosen."""


class _Direct:
    """A transport that calls the nodes at the moment at which the conductor awaits them."""

    def __init__(self, plan: Plan, seconds: Seconds) -> None:
        self._seconds = seconds
        (fleet,) = plan.fleets
        with _timed(seconds, "casting"):
            lessons, claims = lessons_of(plan), claims_of(plan)
            joining = joining_of(plan, fleet)
        self._lesson = {it.name: lessons[key_of(it)] for it in fleet.sources}
        self._claim = {it.name: claims.get(key_of(it)) for it in fleet.sources}
        trained = cache(lambda lesson: train(lesson, plan.dataset.load(lesson.domain)))
        self._host = Host(lambda it: plan.dataset.load(it.domain), trained)  # type: ignore[union-attr]
        self._distinct = list(dict.fromkeys(lessons.values()))
        for part, make in (("pairs: training", trained), ("pairs: samples", self._host.knowledge)):
            with _timed(seconds, part):
                for lesson in self._distinct:
                    make(lesson)
        task, _ = task_and_examination(joining, plan.dataset.load(joining.domain))
        self._target = Target(plan.method.load()(task, plan.options))

    def start(self, target: str) -> Ticket:
        return lambda: self._within("target", self._target.start)

    def advance(self, target: str, parcels: Mapping[str, Parcel]) -> Ticket:
        frames = {name: parcel.content for name, parcel in parcels.items()}
        return lambda: self._within("target", lambda: self._target.advance(frames, lambda doing: None))

    def compute(self, target: str, work: ComputeStep) -> Ticket:
        return self.advance(target, {})

    def ask(self, requests: Sequence[tuple[str, Parcel]]) -> Ticket:
        return lambda: self._answers(requests)

    def _answers(self, requests: Sequence[tuple[str, Parcel]]) -> list[Answer]:
        frame = requests[0][1].content
        self._within("pairs: features", lambda: self._host.answer([(it, frame) for it in self._distinct]))
        return self._within("hosts", lambda: self._host.answer([self._asked(*it) for it in requests]))  # type: ignore[no-any-return]

    def _asked(self, name: str, parcel: Parcel) -> tuple[Any, bytes]:
        lesson, claim = self._lesson[name], self._claim[name]
        return (Claiming(lesson, claim) if claim else lesson), parcel.content

    def _within(self, part: str, call: Callable[[], Any]) -> Any:
        with _timed(self._seconds, part):
            return call()


def measure(count: int, settings: Sequence[str] = (), profile: cProfile.Profile | None = None) -> Seconds:
    """Processor seconds by part; those of `SELECTION` are selection's."""
    torch.set_num_threads(1)
    seconds: Seconds = defaultdict(float)
    with _timed(seconds, "plan"):
        plan = prepare(load_checked(SCENARIO, [f"sources.count={count}", *settings]))
    nodes = _Direct(plan, seconds)
    (fleet,) = plan.fleets
    before = sum(seconds.values())
    began = time.process_time()
    conductor = Conductor([*fleet.sources, fleet.target], [fleet.target.name], nodes, _stop_at_transfer)
    if profile is not None:
        profile.runcall(_drive, conductor)
    else:
        _drive(conductor)
    inside = sum(seconds.values()) - before
    seconds["conductor and network"] = time.process_time() - began - inside
    return seconds


def _stop_at_transfer(target: str, doing: str, now_ns: int) -> None:
    if doing.startswith("transfer"):
        raise _SelectedError


def _drive(conductor: Conductor) -> None:
    run, value = conductor.run(), None
    try:
        while True:
            value = run.send(value)()
    except _SelectedError:
        pass


@contextmanager
def _timed(seconds: Seconds, part: str) -> Iterator[None]:
    began = time.process_time()
    yield
    seconds[part] += time.process_time() - began


def pairs_s(count: int) -> float:
    """Processor seconds to make samples and features of the pairs of so many devices."""
    seconds = measure(count)
    return seconds["pairs: samples"] + seconds["pairs: features"]


def run(quick: bool) -> list[Figure]:
    """Each size in a process of its own."""
    figures, a_device = [], {}
    for count in QUICK if quick else COUNTS:
        row, command = f"{count:,} devices", f"python -m benchmarks.selection {count}"
        watched = watch([sys.executable, *command.split()[1:]], {"OMP_NUM_THREADS": "1"})
        found = json.loads(watched.output)
        a_device[count] = found["selection_ms_a_device"]
        bound = A_DEVICE if count > min(COUNTS) else None
        figures += [Figure(TABLE, row, part, value, "s", command) for part, value in found["seconds"].items()]
        figures += [
            Figure(TABLE, row, "selection for each device", a_device[count], "ms", command, bound=bound),
            Figure(TABLE, row, "peak memory", found["peak_mib"], "MiB", command),
        ]
    if not quick:
        few, many = min(COUNTS), max(COUNTS)
        figures.append(
            Figure(
                TABLE,
                f"{many:,} devices",
                f"selection for each device, against {few:,}",
                a_device[many] / a_device[few],
                "ratio",
                "python -m benchmarks selection",
                reference="it hardly grows",
                bound=GROWTH,
            )
        )
    return figures


def main(arguments: Sequence[str]) -> None:
    collect_rarely()
    profile = cProfile.Profile() if "--profile" in arguments else None
    count, *settings = (it for it in arguments if it != "--profile")
    seconds = measure(int(count), settings, profile)
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
    selection = sum(seconds[part] for part in SELECTION)
    figures = {
        "devices": int(count),
        "seconds": {part: round(value, 3) for part, value in seconds.items()},
        "selection_ms_a_device": round(1000 * selection / int(count), 4),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
