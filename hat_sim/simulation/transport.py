"""How the conductor reaches the nodes, wherever they live: in Ray actors, or, in tests, in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hat_sim.protocol.steps import ComputeStep, Parcel

Ticket = Any
"""A result that is still being made: the conductor yields it to its driver and is sent the result."""


class Transport(Protocol):
    """Starts work and returns at once; the driver of the conductor turns tickets into results."""

    def start(self, target: str) -> Ticket:
        """Of the target's first `Step`."""
        ...

    def advance(self, target: str, parcels: Mapping[str, Parcel]) -> Ticket:
        """Of the target's next `Step`, given the parcels that answered."""
        ...

    def compute(self, target: str, work: ComputeStep) -> Ticket:
        """Of the target's next `Step`, once it has done the work that it declared."""
        ...

    def ask(self, requests: Sequence[tuple[str, Parcel]]) -> Ticket:
        """Of the list of `Answer`s to requests, each a device and a parcel, in their order."""
        ...
