"""What joining costs a target, each figure with the least and the most that it may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hat_sim.network.access import serialisation_ns
from hat_sim.network.tcp import LENGTH_PREFIX, data_bytes
from hat_sim.protocol.effects import PHASES
from hat_sim.protocol.ledger import LedgerRow
from hat_sim.scenario.fleet import Device
from hat_sim.simulation.record import WorldRecord


@dataclass(frozen=True)
class Range:
    """The least and the most that a figure may be; the same where it is certain."""

    low: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Range:
        return cls(value, value)

    @classmethod
    def around(cls, ranges: Iterable[Range]) -> Range:
        """From the least of some ranges to the most."""
        them = list(ranges)
        return cls(min(it.low for it in them), max(it.high for it in them))

    @classmethod
    def total(cls, ranges: Iterable[Range]) -> Range:
        them = list(ranges)
        return cls(sum(it.low for it in them), sum(it.high for it in them))

    @property
    def certain(self) -> bool:
        return self.low == self.high

    def mapped(self, change: Callable[[float], float]) -> Range:
        """Both ends under a function that rises."""
        return Range(change(self.low), change(self.high))


Ranges = Mapping[str, Range]


@dataclass(frozen=True)
class Bottleneck:
    """The access link that is busy longest in a phase: the `direction` of a device, and for how long."""

    device: str
    link: str
    direction: str
    busy_ns: int


@dataclass(frozen=True)
class Costs:
    """The figures of one target: bytes by phase and by kind, frames, nanoseconds by phase, joules.

    `bottlenecks` has each phase in which something is sent, in the rehearsal that sends most.
    """

    payload: Ranges
    wire: Ranges
    by_kind: Ranges
    frames: Range
    time_ns: Ranges
    compute_j: Range
    radio_j: Range
    bottlenecks: Mapping[str, Bottleneck]

    @property
    def total_ns(self) -> Range:
        """From joining to the trained model: phases follow each other."""
        return Range.total(self.time_ns.values())


def costs_of(record: WorldRecord, target: str, devices: Mapping[str, Device]) -> Costs:
    """What a world cost one of its targets; targets of one world share its joules evenly."""
    rows = [row for row in record.ledger if row.target == target]
    share = len(record.targets)
    phase_ns = record.targets[target].phase_ns
    return Costs(
        payload=_by(rows, "phase", "payload_bytes", PHASES),
        wire=_by(rows, "phase", "wire_bytes", PHASES),
        by_kind=_by(rows, "kind", "payload_bytes", ()),
        frames=Range.exactly(len(rows)),
        time_ns={phase: Range.exactly(phase_ns.get(phase, 0)) for phase in PHASES},
        compute_j=Range.exactly(sum(record.compute_j.values()) / share),
        radio_j=Range.exactly(sum(record.radio_j.values()) / share),
        bottlenecks=_bottlenecks(rows, devices),
    )


def around(several: Sequence[Costs]) -> Costs:
    """From the least to the most of several rehearsals of one target; what comes first limits the links."""

    def each(of: Callable[[Costs], Ranges]) -> Ranges:
        names = dict.fromkeys(name for costs in several for name in of(costs))
        nothing = Range.exactly(0)
        return {name: Range.around(of(costs).get(name, nothing) for costs in several) for name in names}

    return Costs(
        payload=each(lambda costs: costs.payload),
        wire=each(lambda costs: costs.wire),
        by_kind=each(lambda costs: costs.by_kind),
        frames=Range.around(costs.frames for costs in several),
        time_ns=each(lambda costs: costs.time_ns),
        compute_j=Range.around(costs.compute_j for costs in several),
        radio_j=Range.around(costs.radio_j for costs in several),
        bottlenecks=several[0].bottlenecks,
    )


def _by(rows: Sequence[LedgerRow], key: str, value: str, always: Iterable[str]) -> Ranges:
    found: dict[str, int] = dict.fromkeys(always, 0)
    for row in rows:
        label = getattr(row, key)
        found[label] = found.get(label, 0) + getattr(row, value)
    return {label: Range.exactly(total) for label, total in found.items()}


def _bottlenecks(rows: Sequence[LedgerRow], devices: Mapping[str, Device]) -> dict[str, Bottleneck]:
    """For each phase the direction of an access link that its frames keep busy longest."""
    carried: defaultdict[str, defaultdict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        size = data_bytes(row.payload_bytes + LENGTH_PREFIX)
        carried[row.phase][row.sender, "up"] += size
        carried[row.phase][row.receiver, "down"] += size
    return {phase: _busiest(sizes, devices) for phase, sizes in carried.items()}


def _busiest(sizes: Mapping[tuple[str, str], int], devices: Mapping[str, Device]) -> Bottleneck:
    def busy(name: str, direction: str) -> Bottleneck:
        link = devices[name].link
        rate = round(link.up if direction == "up" else link.down)
        return Bottleneck(name, link.name, direction, serialisation_ns(sizes[name, direction], rate))

    return max((busy(*place) for place in sizes), key=lambda it: it.busy_ns)
