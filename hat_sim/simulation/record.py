"""What a run leaves behind: of each world its ledger and times, of each target its model and verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import Any, Literal

from hat_sim.protocol.ledger import LedgerRow
from hat_sim.scenario.fleet import Fleet


@dataclass(frozen=True)
class Busy:
    """A stretch in which a device computed, in simulated nanoseconds."""

    device: str
    label: str
    phase: str
    start_ns: int
    end_ns: int
    flop: int


Part = Literal["compute", "radio", "idle"]


@dataclass(frozen=True, slots=True)
class Spent:
    """Joules that a device spent evenly from one simulated nanosecond to another, or at once.

    `phase` is that of the work or frame; waiting belongs to none.
    """

    device: str
    part: Part
    phase: str | None
    start_ns: int
    end_ns: int
    joules: float


@dataclass(frozen=True)
class Incident:
    """A fault as it befell some devices; `entry` is its place in the scenario, None for availability.

    `until_ns` is when it was to end, None for never or where it was over at once.
    """

    entry: int | None
    kind: str
    devices: tuple[str, ...]
    at_ns: int
    until_ns: int | None


@dataclass(frozen=True)
class TargetTimes:
    """When the target had its model, and how much of that each phase took."""

    end_ns: int
    phase_ns: Mapping[str, int]


@dataclass(frozen=True)
class WorldRecord:
    """Everything that happened in one world; a pure function of the scenario and the seed.

    `spent` holds every joule: those of computing, the radio, and of waiting by the devices `idle_counted`
    among `devices`, whose profiles know their idle power.
    """

    ledger: Sequence[LedgerRow]
    busy: Sequence[Busy]
    targets: Mapping[str, TargetTimes]
    spent: Sequence[Spent]
    devices: tuple[str, ...] = ()
    idle_counted: tuple[str, ...] = ()
    incidents: Sequence[Incident] = ()

    @property
    def compute_j(self) -> dict[str, float]:
        """Joules of computing by device."""
        return joules_by("device", [it for it in self.spent if it.part == "compute"])

    @property
    def radio_j(self) -> dict[str, float]:
        """Joules of the radio by device."""
        return joules_by("device", [it for it in self.spent if it.part == "radio"])


def joules_of_each(spent: Iterable[Spent]) -> list[dict[str, Any]]:
    """A row for each device, phase and part that spent anything, with the correctly rounded sum."""
    found: defaultdict[tuple[str, str | None, Part], list[float]] = defaultdict(list)
    for it in spent:
        found[it.device, it.phase, it.part].append(it.joules)
    return [
        {"device": device, "phase": phase, "part": part, "joules": fsum(amounts)}
        for (device, phase, part), amounts in sorted(
            found.items(), key=lambda it: (it[0][0], it[0][1] or "", it[0][2])
        )
    ]


def joules_by(what: Literal["device", "part", "phase"], spent: Iterable[Spent]) -> dict[str, float]:
    """The correctly rounded sum for each device, part or phase, in the order in which they first occur."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for it in spent:
        found[getattr(it, what)].append(it.joules)
    return {key: fsum(amounts) for key, amounts in found.items()}


@dataclass(frozen=True)
class TargetResult:
    """What is known of a finished target: its verdict on test data, the method's record, the exported model.

    `class_weights` holds, for each source that was fused, its mean weight over the samples that the fusion
    takes for a class, by the class's index. `accuracy_fused` is that of the last fusion on the unlabelled
    samples, whose labels only the observer knows, and `accuracy_fused_equally` the same with equal weights.
    `architecture` is that of the model, None where it is no classifier of the catalogue's, and `sensors` are
    those that it reads, None where all devices carry the same. `replaced` holds the chosen sources whose
    models could not be had, with those that took their places, if any.
    """

    accuracy: float
    macro_f1: float
    shortlisted: tuple[str, ...]
    selected: tuple[str, ...]
    scores: Mapping[str, float]
    similarities: Mapping[str, Mapping[str, float]]
    fusion_weights: Mapping[str, float]
    class_weights: Mapping[str, Mapping[int, float]]
    curve: tuple[Mapping[str, Any], ...]
    accuracy_fused: float | None
    accuracy_fused_equally: float | None
    notes: tuple[str, ...]
    architecture: str | None
    weights: bytes
    program: bytes
    replaced: Mapping[str, str | None] = field(default_factory=dict)
    sensors: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SourceWorth:
    """What a source's model is worth to a target.

    `claimed` is the accuracy on its own validation samples, `on_target` that of the model as it comes on the
    target's test, None where the target lacks a sensor that it reads.
    """

    claimed: float
    on_target: float | None


@dataclass(frozen=True)
class Hindsight:
    """What nobody in the world knows of a target: how well it would do without the method.

    `alone` is the test accuracy of the same student trained on its labels alone; `sources` are by name.
    """

    alone: float
    sources: Mapping[str, SourceWorth]

    @property
    def best(self) -> float:
        """What the best source's model has on the target's test as it comes: an oracle's choice."""
        return max(it.on_target for it in self.sources.values() if it.on_target is not None)


@dataclass(frozen=True)
class RunRecord:
    """A run: worlds and targets in the scenario's order, and what of it was computed afresh.

    `fleets` are those of the worlds: expanded targets are there as the sources that they have become.
    """

    fleets: tuple[Fleet, ...]
    worlds: tuple[WorldRecord, ...]
    targets: Mapping[str, TargetResult]
    hindsight: Mapping[str, Hindsight]
    all_models_bytes: Mapping[str, int]
    sources_trained: int
    sources_cached: int
