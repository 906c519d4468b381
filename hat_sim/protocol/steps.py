"""How a device's next step and its answers look from outside: headers and lengths, frames unopened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hat_sim.protocol.codec import kind_of
from hat_sim.protocol.effects import Phase
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.work import Model


@dataclass(frozen=True)
class Parcel:
    """A frame on its way: its message's kind, its length in bytes, and the frame or a reference to it."""

    kind: str
    length: int
    content: Any

    @classmethod
    def of(cls, frame: bytes) -> Parcel:
        return cls(kind_of(frame), len(frame), frame)


@dataclass(frozen=True)
class Answer:
    """A source's reply, the work it took on the device, and why the request was refused, if it was.

    `models` says how much of the `flop` operations are passes through which model.
    """

    parcel: Parcel
    flop: int = 0
    refused: Fault | None = None
    models: Mapping[Model, int] = field(default_factory=dict)


@dataclass(frozen=True)
class AskStep:
    """Frames to send, by the device that shall receive each; `deadline_ns` counts from their sending."""

    phase: Phase
    parcels: Mapping[str, Parcel]
    deadline_ns: int | None


@dataclass(frozen=True)
class ComputeStep:
    """Work of the target, in floating-point operations, that its next `advance` does; `models` as above."""

    phase: Phase
    label: str
    flop: int
    models: Mapping[Model, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """The protocol has ended."""


@dataclass(frozen=True)
class Step:
    """What comes next, and which of the frames just delivered were refused, with the reason."""

    next: AskStep | ComputeStep | Done
    refused: Mapping[str, Fault] = field(default_factory=dict)
