"""What a world leaves behind: its ledger, who was busy when, and how long each target took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hat_sim.protocol.ledger import LedgerRow


@dataclass(frozen=True)
class Busy:
    """A stretch in which a device computed, in simulated nanoseconds."""

    device: str
    label: str
    phase: str
    start_ns: int
    end_ns: int
    flop: int


@dataclass(frozen=True)
class TargetTimes:
    """When the target had its model, and how much of that each phase took."""

    end_ns: int
    phase_ns: Mapping[str, int]


@dataclass(frozen=True)
class WorldRecord:
    """Everything that happened in one world.

    `radio_j` and `compute_j` are joules by device. All of it is a pure function of the scenario and the seed.
    """

    ledger: Sequence[LedgerRow]
    busy: Sequence[Busy]
    targets: Mapping[str, TargetTimes]
    compute_j: Mapping[str, float]
    radio_j: Mapping[str, float]
