"""Access links, and the fixed delays of the path between two of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hat_sim.errors import InternalError
from hat_sim.network.tcp import HEADER, MSS, RTO_FLOOR_NS, SYN

NS_PER_S = 1_000_000_000
MILD_LOSS = 0.001
"""Up to this share of lost packets a path's bytes grow by 1 / (1 - loss) and nothing else happens."""


@dataclass(frozen=True, slots=True)
class AccessLink:
    """The link of one device to a core that is never a bottleneck.

    Both rates are in bit/s of layer 2, and both 0 where the link is cut; `latency_ns` is one way, over this
    link alone; `loss` is the share of packets that it loses, each way.
    """

    up_bit_s: int
    down_bit_s: int
    latency_ns: int
    loss: float = 0.0

    def __post_init__(self) -> None:
        is_cut = self.up_bit_s == self.down_bit_s == 0
        if (not is_cut and min(self.up_bit_s, self.down_bit_s) <= 0) or self.latency_ns < 0:
            raise InternalError(f"an access link needs positive rates and a latency of 0 or more: {self}")
        if not 0 <= self.loss < 1:
            raise InternalError(f"an access link loses a share of 0 or more, but not all: {self}")

    @property
    def is_cut(self) -> bool:
        return self.up_bit_s == 0


def serialisation_ns(wire_bytes: int, bit_s: int) -> int:
    """How long a link is busy with so many bytes, rounded up."""
    return -(-wire_bytes * 8 * NS_PER_S // bit_s)


@dataclass(frozen=True, slots=True)
class Path:
    """One direction between two devices: the sender's uplink, then the receiver's downlink.

    `loss` is the share of packets lost on either link, and `expansion` what bytes are multiplied by for
    losses that are too few to be played round by round. `rtt_ns` is from the first bit of a full packet to
    the last bit of its acknowledgement, queues empty; `handshake_ns` from connect() to the SYN-ACK: a round
    trip, and both packets on every link.
    """

    latency_ns: int
    faster_bit_s: int
    rtt_ns: int
    handshake_ns: int
    loss: float
    expansion: float

    @classmethod
    @lru_cache(maxsize=4096)
    def between(cls, sender: AccessLink, receiver: AccessLink) -> Path:
        def there(packet: int) -> int:
            return serialisation_ns(packet, sender.up_bit_s) + serialisation_ns(packet, receiver.down_bit_s)

        def back(packet: int) -> int:
            return serialisation_ns(packet, receiver.up_bit_s) + serialisation_ns(packet, sender.down_bit_s)

        latency_ns = sender.latency_ns + receiver.latency_ns
        loss = sender.loss + receiver.loss - sender.loss * receiver.loss
        return cls(
            latency_ns=latency_ns,
            faster_bit_s=max(sender.up_bit_s, receiver.down_bit_s),
            rtt_ns=2 * latency_ns + there(MSS + HEADER) + back(HEADER),
            handshake_ns=2 * latency_ns + there(SYN) + back(SYN),
            loss=loss,
            expansion=1 / (1 - loss) if 0 < loss <= MILD_LOSS else 1,
        )

    @property
    def is_lossy(self) -> bool:
        """Whether its losses are played round by round."""
        return self.loss > MILD_LOSS

    @property
    def rto_ns(self) -> int:
        """Linux's retransmission timeout where the round trip is steady: RTT + 200 ms."""
        return self.rtt_ns + RTO_FLOOR_NS

    def tail_ns(self, size: int) -> int:
        """From the moment a message of `size` bytes has left the bottleneck to its last bit's arrival.

        The bottleneck pays for every packet; the other hop, which is faster, adds one packet.
        """
        return self.latency_ns + serialisation_ns(min(size, MSS) + HEADER, self.faster_bit_s)
