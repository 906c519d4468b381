"""A TCP connection between two devices, and the frames that wait for it or travel on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hat_sim.network.access import Path
from hat_sim.network.demand import Demand
from hat_sim.network.tcp import MSS, SendWindow, WireBytes, segments, wire_bytes


@dataclass(slots=True, eq=False)
class Connection:
    """What both directions share. `ready_ns` is when its handshake ends; None while there is none."""

    ready_ns: int | None = None
    streams: list[Stream] = field(default_factory=list)

    def close(self) -> None:
        """Forget the handshake and the windows: the next frame opens a new connection."""
        self.ready_ns = None
        for stream in self.streams:
            stream.window.restart()


@dataclass(slots=True, eq=False)
class Stream:
    """One direction of a connection: a byte stream, so its frames leave one after the other.

    `arrives_ns` is when its latest frame arrives. `cuts` counts its links that are cut, since `cut_ns`; what
    was due meanwhile is `held`.
    """

    connection: Connection
    path: Path
    demand: Demand
    queue: list[Flow] = field(default_factory=list)
    window: SendWindow = field(default_factory=SendWindow)
    idle_since_ns: int = 0
    arrives_ns: int = 0
    cuts: int = 0
    cut_ns: int = 0
    held: list[tuple[Action, Flow]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection.streams.append(self)


@dataclass(slots=True, eq=False)
class Flow:
    """A frame on its way. `size` is in bytes with its length prefix.

    `credited` segments may be sent; `moving` says whether these compete for the links at the moment,
    and `sent` that all of them have left the sender. `paused` nanobits wait for a link that is cut.
    """

    id: int
    stream: Stream
    size: int
    opens: bool = False
    credited: int = 0
    moving: bool = False
    paused: float | None = None
    sent: bool = False
    withdrawn: bool = False

    @property
    def uncredited(self) -> int:
        """Segments for which there was no credit yet."""
        return segments(self.size) - self.credited

    @property
    def cost(self) -> WireBytes:
        """The bytes on the wire if all the credited segments are sent."""
        return self.cost_of(self.credited)

    def cost_of(self, sent_segments: int) -> WireBytes:
        """The bytes on the wire once so many segments have been sent, opening included."""
        return wire_bytes(min(self.size, sent_segments * MSS), self.opens)


Action = Callable[[Flow, int], None]
"""What is due for a flow at an instant."""
