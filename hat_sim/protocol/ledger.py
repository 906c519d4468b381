"""The ledger: a row for every frame and attempt, with its bytes, its times and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from hat_sim.protocol.effects import Phase
from hat_sim.protocol.errors import Fault

DELIVERED = "delivered"
LATE = "late"
IN_FLIGHT = "in_flight"
LOST = "lost"
CUT = "cut"
CORRUPT = "corrupt"
INCOMPLETE = "incomplete"
REFUSED = "refused:"


def refused(fault: Fault) -> str:
    """The outcome of a frame that its receiver refused."""
    return f"{REFUSED}{fault}"


@dataclass(slots=True)
class LedgerRow:
    """One frame on one attempt.

    `payload_bytes` is the length of the encoded frame and `wire_bytes` what it cost on the link, both ways,
    with headers, acknowledgements and its share of the connection. Times are simulated nanoseconds;
    `arrived_ns` is None for a frame that never arrived; its `wire_bytes` are what had been sent of it.
    `outcome` is `delivered`, `late` (after the deadline), `in_flight` (still under way when the target had
    finished), `refused:<why>`, or what a fault made of it: `lost` (none of it got through, its receiver could
    not be reached), `cut` (broken in mid-transfer), `corrupt` (refused by its checksum) or `incomplete` (a
    chunk of what never became whole).
    """

    seq: int
    target: str
    phase: Phase
    kind: str
    sender: str
    receiver: str
    payload_bytes: int
    wire_bytes: int
    sent_ns: int
    arrived_ns: int | None
    attempt: int
    outcome: str


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(LedgerRow))


@dataclass(frozen=True)
class Traffic:
    """Bytes and frames of some part of a ledger."""

    payload_bytes: int = 0
    wire_bytes: int = 0
    frames: int = 0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.payload_bytes + other.payload_bytes,
            self.wire_bytes + other.wire_bytes,
            self.frames + other.frames,
        )


def traffic_by(rows: Iterable[tuple[str, int, int]]) -> dict[str, Traffic]:
    """Traffic by label, in the order in which labels first occur, of rows (label, payload, wire)."""
    found: dict[str, list[int]] = {}
    for label, payload, wire in rows:
        if label in found:
            sums = found[label]
            sums[0] += payload
            sums[1] += wire
            sums[2] += 1
        else:
            found[label] = [payload, wire, 1]
    return {label: Traffic(*sums) for label, sums in found.items()}
