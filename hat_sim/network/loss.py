"""TCP over a path that loses packets, round by round: the window of CUBIC, and when a loss is noticed.

What Linux does with SACK: slow start until the link is full (HyStart) or something is lost; CUBIC with its
TCP-friendly floor (RFC 9438); losses that later segments reveal are sent again in the next round; the end of
a message has nothing behind it, so a probe (TLP, RFC 8985) reveals its loss after two round trips; where not
even a probe can, the retransmission timeout starts over with one segment, and doubles (RFC 6298).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from random import Random

from hat_sim.network.tcp import INITIAL_WINDOW, RTO_FLOOR_NS

KNOWN_LOSS = 0.02
"""Up to this share of lost packets the model holds against real TCP; above, its times are too short."""
BETA = 0.7
"""What a loss leaves of the window."""
SCALE = 0.4
"""Segments per cubic second that CUBIC grows by."""
FRIENDLY = 3 * (1 - BETA) / (1 + BETA)
"""Segments per round trip that the floor grows by."""
SYN_RTO_NS = 1_000_000_000
"""After how long a SYN without an answer is sent again at first (RFC 6298)."""
RTO_CEILING_NS = 120_000_000_000
_SYN_RETRIES = 6
_HYSTART_NS = 4_000_000, 16_000_000
_LEAST_WINDOW = 2.0


class _Hurt(IntEnum):
    """How the losses of a round are noticed, the mildest first."""

    NOT = 0
    REVEALED = 1
    PROBED = 2
    TIMED_OUT = 3


@dataclass(slots=True)
class _Cubic:
    """Where CUBIC wants the window to be, `since_ns` it last shrank."""

    since_ns: int | None = None
    peak: float = 0.0
    last_peak: float = 0.0
    until_peak_s: float = 0.0
    floor: float = 0.0

    def shrink(self, size: float) -> None:
        """The window was `size` when something was lost; below the last peak it gives way to others."""
        self.peak = size if size >= self.last_peak else size * (1 + BETA) / 2
        self.last_peak = size
        self.since_ns = None

    def grow(self, size: float, now_ns: int, rtt_ns: int) -> float:
        """The window after a round that was used up and lost nothing."""
        if self.since_ns is None:
            self.since_ns, self.floor, self.peak = now_ns, size, max(self.peak, size)
            self.until_peak_s = math.cbrt((self.peak - size) / SCALE)
        elapsed_s = (now_ns - self.since_ns + rtt_ns) / 1e9
        self.floor += FRIENDLY
        wanted = self.peak + SCALE * (elapsed_s - self.until_peak_s) ** 3
        return max(size, self.floor, min(1.5 * size, wanted))


@dataclass(slots=True)
class LossyWindow:
    """The congestion window of one direction of a connection over a lossy path, in segments.

    As a `SendWindow` gives credit for each round; but a round lasts until all of it has left the bottleneck,
    where that is longer than an RTT. `lose` says which segments are lost.
    """

    size: float = INITIAL_WINDOW
    threshold: float = math.inf
    credit: int = INITIAL_WINDOW
    next_round_ns: int = 0
    _taken: int = 0
    _hurt: _Hurt = _Hurt.NOT
    _before: _Hurt = _Hurt.NOT
    _timeouts: int = 0
    _cubic: _Cubic = field(default_factory=_Cubic)

    def take(self, wanted: int, now_ns: int, rtt_ns: int, begins: bool = False) -> int:
        """Up to `wanted` segments that may be sent now, when none waits for the links.

        A frame that `begins` in the middle of a round has what is left of its credit, and a whole RTT.
        """
        is_over = now_ns >= self.next_round_ns
        if is_over:
            self._end_round(now_ns, rtt_ns)
            self.credit = int(self.size)
        if is_over or begins:
            self.next_round_ns = now_ns + rtt_ns
        taken = min(wanted, self.credit)
        self.credit -= taken
        self._taken += taken
        return taken

    def lose(
        self, taken: int, loss: float, random: Random, is_end: bool, rtt_ns: int
    ) -> tuple[int, int | None]:
        """How many of the segments just taken are lost, and when that is noticed.

        None: in the next round; otherwise so many ns after the last of them has left. `is_end` says that
        nothing follows them.
        """
        are_lost = [random.random() < loss for _ in range(taken)]
        lost = sum(are_lost)
        if not lost:
            if taken:
                self._timeouts = 0
            return 0, None
        silent = taken - 1 - max((at for at, is_lost in enumerate(are_lost) if not is_lost), default=-1)
        if not silent or (not is_end and lost < taken):
            hurt, wait_ns = _Hurt.REVEALED, None
        elif taken > 1 and not (self._before and lost == taken):
            hurt, wait_ns = _Hurt.PROBED, (2 + (silent > 1)) * rtt_ns
        else:
            hurt, wait_ns = _Hurt.TIMED_OUT, min((rtt_ns + RTO_FLOOR_NS) << self._timeouts, RTO_CEILING_NS)
            self._timeouts += 1
        self._hurt = max(self._hurt, hurt)
        return lost, wait_ns

    def restart(self) -> None:
        """After idling for longer than an RTO: the first window again, but not its growth without bounds."""
        self.size = min(self.size, INITIAL_WINDOW)
        self.credit = int(self.size)
        self.next_round_ns = 0
        self._taken = self._timeouts = 0
        self._hurt = self._before = _Hurt.NOT
        self._cubic.since_ns = None

    def _end_round(self, now_ns: int, rtt_ns: int) -> None:
        """Let the window shrink for what was lost, or grow if it was used up."""
        if self._hurt:
            self._cubic.shrink(self.size)
            self.threshold = max(_LEAST_WINDOW, BETA * self.size)
            self.size = 1.0 if self._hurt is _Hurt.TIMED_OUT else self.threshold
        elif not self.credit:
            # A queue is noticed when the acknowledgements of its round have widened the window already.
            queued_ns = now_ns - self.next_round_ns
            if self.size >= self.threshold:
                self.size = self._cubic.grow(self.size, now_ns, rtt_ns)
            else:
                self.size = min(self.size + self._taken, self.threshold)
                if queued_ns > min(max(rtt_ns // 8, _HYSTART_NS[0]), _HYSTART_NS[1]):
                    self.threshold = self.size
        self._before, self._hurt = self._hurt, _Hurt.NOT
        self._taken = 0


def lost_syns(loss: float, random: Random) -> tuple[int, int]:
    """How many SYNs are lost before one is answered, and how many SYN-ACKs; Linux tries seven times."""
    syns = answers = 0
    while syns + answers < _SYN_RETRIES:
        if random.random() < loss:
            syns += 1
        elif random.random() < loss:
            answers += 1
        else:
            break
    return syns, answers
