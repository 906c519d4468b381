"""How a device's next step and its answers look from outside: headers and lengths, frames unopened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hat_sim.protocol.codec import kind_of
from hat_sim.protocol.effects import Phase
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.work import Model

Received = bytes | tuple[bytes, ...]
"""A frame, or several chunks of one."""


@dataclass(frozen=True)
class Parcel:
    """A frame on its way: its message's kind, its length in bytes, and the frame or a reference to it.

    An answer in chunks is a parcel of its first frame with the others as `more`, all of the kind of what they
    are chunks of. Of one that is `corrupt` a byte has been flipped on its way.
    """

    kind: str
    length: int
    content: Any
    corrupt: bool = False
    more: tuple[Parcel, ...] = ()

    @classmethod
    def of(cls, frame: bytes, kind: str | None = None) -> Parcel:
        return cls(kind or kind_of(frame), len(frame), frame)

    @classmethod
    def together(cls, parcels: Sequence[Parcel]) -> Parcel:
        """Frames of one answer as one parcel."""
        return replace(parcels[0], more=tuple(parcels[1:]))

    @property
    def frames(self) -> tuple[Parcel, ...]:
        """Each frame as a parcel of its own."""
        return (replace(self, more=()), *self.more) if self.more else (self,)

    def received(self, fetch: Callable[[Any], bytes] = lambda content: content) -> Received:
        """What its receiver reads, `fetch` giving the frame of a content."""
        read = [_flipped(fetch(it.content)) if it.corrupt else fetch(it.content) for it in self.frames]
        return tuple(read) if self.more else read[0]


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
    """Frames to send, by the device that shall receive each, on one of several attempts.

    They are sent after `wait_ns`. `deadline_ns` counts from the first of them. `patience_ns` counts for each
    device from its own request and, where its answer comes in chunks, anew from each that arrives. None waits
    for all. So many answers are `enough`, None for all.
    """

    phase: Phase
    parcels: Mapping[str, Parcel]
    deadline_ns: int | None
    attempt: int = 1
    wait_ns: int = 0
    enough: int | None = None
    patience_ns: int | None = None


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


def _flipped(frame: bytes) -> bytes:
    """The frame with its last bit flipped: inside of the body, so that the checksum no longer holds."""
    return frame[:-1] + bytes([frame[-1] ^ 1])
