"""A TCP connection between two devices, and the frames that wait for it or travel on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from hat_sim.network.access import Path
from hat_sim.network.demand import NANOBITS_PER_BYTE, Demand
from hat_sim.network.loss import SYN_RTO_NS, LossyWindow, lost_syns
from hat_sim.network.tcp import HEADER, MSS, SYN, SendWindow, WireBytes, segments, wire_bytes
from hat_sim.seeding import derive_seed


@dataclass(slots=True, eq=False)
class Connection:
    """What both directions share. `ready_ns` is when its handshake ends; None while there is none."""

    ready_ns: int | None = None
    streams: list[Stream] = field(default_factory=list)

    def close(self) -> None:
        """Forget the handshake and the windows: the next frame opens a new connection."""
        self.ready_ns = None
        for stream in self.streams:
            stream.renew_window()


@dataclass(slots=True, eq=False)
class Stream:
    """One direction of a connection: a byte stream, so its frames leave one after the other.

    `frames` counts those that it was given; `arrives_ns` is when the latest arrives. `cuts` counts its links
    that are cut, since `cut_ns`; what was due meanwhile is `held`.
    """

    sender: str
    receiver: str
    connection: Connection
    path: Path
    demand: Demand
    frames: int = 0
    queue: list[Flow] = field(default_factory=list)
    window: SendWindow | LossyWindow = field(default_factory=SendWindow)
    idle_since_ns: int = 0
    arrives_ns: int = 0
    cuts: int = 0
    cut_ns: int = 0
    held: list[tuple[Action, Flow]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection.streams.append(self)
        self.renew_window()

    @property
    def window_fits(self) -> bool:
        """Whether the window is of the kind that the path's losses call for."""
        return isinstance(self.window, LossyWindow) == self.path.is_lossy

    def renew_window(self) -> None:
        """The window of a new connection."""
        self.window = LossyWindow() if self.path.is_lossy else SendWindow()


@dataclass(slots=True, eq=False)
class Flow:
    """A frame on its way: the `number`-th of its stream. `size` is in bytes with its length prefix.

    For `uncredited` segments there was no credit yet. Once it has `begun`, `credited` ones may be sent for
    the first time, and `resent` ones once more; `lost` ones have left and nobody knows yet that they are
    lost, for `notice_ns` after the last has left where that is not None; `missing` ones wait to go again.
    `moving` says whether what may be sent competes for the links at the moment, and `sent` that all of it
    has left the sender. `paused` nanobits wait for a link that is cut.
    """

    id: int
    stream: Stream
    size: int
    number: int
    begun: bool = False
    opens: bool = False
    lost_syns: int = 0
    lost_answers: int = 0
    uncredited: int = field(init=False)
    credited: int = 0
    resent: int = 0
    lost: int = 0
    missing: int = 0
    notice_ns: int | None = None
    moving: bool = False
    paused: float | None = None
    sent: bool = False
    withdrawn: bool = False
    _random: Random | None = None

    def random(self, seed: int) -> Random:
        """The frame's own random numbers: those of its sender, its receiver and its number."""
        if self._random is None:
            names = (self.stream.sender, self.stream.receiver, str(self.number))
            self._random = Random(derive_seed(seed, "loss", *names))
        return self._random

    def __post_init__(self) -> None:
        self.uncredited = segments(self.size)

    def notice_losses(self) -> None:
        """What was lost is missing."""
        self.missing += self.lost
        self.uncredited += self.lost
        self.lost, self.notice_ns = 0, None

    def credit(self, count: int) -> float:
        """So many segments may be sent, those that are missing first; the nanobits that they take.

        The handshake's ACK goes ahead of the first.
        """
        self.uncredited -= count
        again = min(self.missing, count)
        fresh = count - again
        wire = again * self._packet + fresh * HEADER
        if fresh:
            before = self.credited * MSS
            self.credited += fresh
            wire += min(self.size, self.credited * MSS) - before
        if again:
            self.missing -= again
            self.resent += again
        if not self.begun:
            self.begun = True
            wire += self.opens * HEADER
        return wire * NANOBITS_PER_BYTE * self.stream.path.expansion

    def take_back(self, nanobits: float) -> float:
        """Withdraw the credit of so much that was not sent, in whole segments; return what remains of it."""
        before = min(self.size, self.credited * MSS)
        count = min(self.credited, self._packets_in(nanobits))
        self.credited -= count
        self.uncredited += count
        wire = before - min(self.size, self.credited * MSS) + count * HEADER
        return max(0.0, nanobits - wire * NANOBITS_PER_BYTE * self.stream.path.expansion)

    def open_connection(self, seed: int) -> int:
        """Open a connection; return the nanoseconds that it takes, lost SYNs included."""
        self.opens = True
        path = self.stream.path
        if path.is_lossy:
            self.lost_syns, self.lost_answers = lost_syns(path.loss, self.random(seed))
        return path.handshake_ns + SYN_RTO_NS * ((1 << (self.lost_syns + self.lost_answers)) - 1)

    @property
    def cost(self) -> WireBytes:
        """The bytes on the wire, opening included, if all that may be sent has been sent."""
        return self.cost_without(0.0)

    def cost_without(self, nanobits: float) -> WireBytes:
        """The bytes on the wire if so much of what may be sent has not been sent."""
        sent = max(0, self.credited - self._packets_in(nanobits))
        first = wire_bytes(min(self.size, sent * MSS), self.opens)
        again = WireBytes(
            self.resent * self._packet + SYN * (self.lost_syns + self.lost_answers),
            -(-self.resent // 2) * HEADER + SYN * self.lost_answers,
        )
        both = WireBytes(first.forward + again.forward, first.reverse + again.reverse)
        return both.expanded(self.stream.path.expansion)

    @property
    def _packet(self) -> int:
        """Bytes of its largest segment on the wire."""
        return min(self.size, MSS) + HEADER

    def _packets_in(self, nanobits: float) -> int:
        return int(nanobits // ((MSS + HEADER) * NANOBITS_PER_BYTE * self.stream.path.expansion))


Action = Callable[[Flow, int], None]
"""What is due for a flow at an instant."""
