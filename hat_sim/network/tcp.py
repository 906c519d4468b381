"""What TCP makes of a message: segments, bytes on the wire, and the window of slow start.

The byte counts are those of Linux on Ethernet with timestamps, fitted to and checked against the
measurements of `tests/netlab`.
"""

from __future__ import annotations

from dataclasses import dataclass

MSS = 1448
"""Message bytes in a full segment."""
HEADER = 66
"""Ethernet, IPv4 and TCP headers with the timestamp option; also the size of a bare acknowledgement."""
SYN = 74
"""A SYN or a SYN-ACK on the wire."""
LENGTH_PREFIX = 4
"""Bytes in front of each frame that say how long it is."""
INITIAL_WINDOW = 10
"""Segments that a connection may send before the first acknowledgement (RFC 6928)."""
RTO_FLOOR_NS = 200_000_000
"""What Linux adds at least to the round trip for its retransmission timeout (TCP_RTO_MIN)."""

_OPENING_FORWARD = SYN + 4 * HEADER
"""SYN, handshake ACK, the ACK of the closing reply, FIN and final ACK."""
_OPENING_REVERSE = SYN + 2 * HEADER + 1
"""SYN-ACK, the one-byte reply that closes a session, FIN."""
_EARLY_ACKED = 70
"""Segments of which each is acknowledged at once; later ones by twos (fitted)."""


@dataclass(frozen=True, slots=True)
class WireBytes:
    """Bytes of layer 2 that a message costs: with the message, and against it (acknowledgements)."""

    forward: int
    reverse: int

    @property
    def total(self) -> int:
        return self.forward + self.reverse

    def expanded(self, factor: float) -> WireBytes:
        """So many times the bytes, rounded."""
        return WireBytes(round(self.forward * factor), round(self.reverse * factor))


def segments(size: int) -> int:
    """How many segments carry a message of `size` bytes, its length prefix included."""
    return -(-size // MSS)


def data_bytes(size: int) -> int:
    """What a message of `size` bytes puts on the forward wire, headers included."""
    return size + HEADER * segments(size)


def wire_bytes(size: int, opens: bool) -> WireBytes:
    """All the bytes that a message of `size` bytes costs on links that lose nothing.

    The message that `opens` a connection pays for its opening and closing. The forward count is exact
    and the total within 1 % of the measurements.
    """
    n = segments(size)
    acknowledgements = -(-n // 2) + min(n, _EARLY_ACKED) // 2
    return WireBytes(
        forward=data_bytes(size) + opens * _OPENING_FORWARD,
        reverse=HEADER * acknowledgements + opens * _OPENING_REVERSE,
    )


@dataclass(slots=True)
class SendWindow:
    """The congestion window of one direction of a connection, in segments.

    A round starts with a credit of `size` segments and lasts one RTT; a round that was used up is
    followed by one of twice the size. Nothing is lost (else: `hat_sim.network.loss`): a link that is full
    limits the flow by its share.
    """

    size: int = INITIAL_WINDOW
    credit: int = INITIAL_WINDOW
    next_round_ns: int = 0

    def take(self, wanted: int, now_ns: int, rtt_ns: int) -> int:
        """Up to `wanted` segments that may be sent now; fewer means: ask again at `next_round_ns`."""
        if now_ns >= self.next_round_ns:
            if self.credit == 0:
                self.size *= 2
            self.credit = self.size
            self.next_round_ns = now_ns + rtt_ns
        taken = min(wanted, self.credit)
        self.credit -= taken
        return taken

    def restart(self) -> None:
        """Go back to slow start, as a connection does that has been idle for longer than an RTO."""
        self.size = self.credit = INITIAL_WINDOW
        self.next_round_ns = 0
