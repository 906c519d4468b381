"""The courier of one world: frames go over its network, and each attempt is a row of its ledger.

What faults break is withdrawn from the network and has cost what was sent of it. A frame to a device that
cannot be reached costs the packet that would open a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hat_sim.network.access import AccessLink
from hat_sim.network.flows import FlowNetwork
from hat_sim.network.tcp import SYN
from hat_sim.protocol.ledger import CUT, DELIVERED, IN_FLIGHT, LOST, LedgerRow
from hat_sim.protocol.steps import Parcel
from hat_sim.scenario.fleet import Device
from hat_sim.scenario.hits import Hit
from hat_sim.simulation.energy import EnergyMeter
from hat_sim.simulation.exchange import Attempt
from hat_sim.simulation.faults import Faults


@dataclass
class Frame:
    """A frame of an attempt to ask; `source` is the target's other party.

    `place` is that among the frames of an answer, `is_last` says whether it ends there, and `kills` the fault
    by which its sender dies before the rest of it is sent.
    """

    row: LedgerRow
    parcel: Parcel
    attempt: Attempt
    source: str
    is_reply: bool
    place: int = 0
    is_last: bool = True
    kills: Hit | None = None


class Courier:
    """Carries frames between the devices of one world; `seed` is that of the packets that links lose."""

    def __init__(self, devices: Mapping[str, Device], faults: Faults, energy: EnergyMeter, seed: int) -> None:
        self._devices = devices
        self._links = {name: access_link(it) for name, it in devices.items()}
        self._network = FlowNetwork(self._links, seed)
        self._faults = faults
        self._energy = energy
        self._rows: list[LedgerRow] = []
        self._under_way: dict[int, Frame] = {}
        self._unsent: set[int] = set()

    def next_event(self) -> int | None:
        """When something may arrive; None while nothing is under way."""
        return self._network.next_event()

    def send(
        self,
        attempt: Attempt,
        source: str,
        parcel: Parcel,
        now_ns: int,
        *,
        is_reply: bool,
        place: int = 0,
        is_last: bool = True,
        death: tuple[Hit, int] | None = None,
    ) -> None:
        """Hand a frame over; `death` is the fault by which its sender dies, and after how many bytes."""
        target = attempt.exchange.target
        sender, receiver = (source, target) if is_reply else (target, source)
        seq = len(self._rows)
        row = LedgerRow(
            seq=seq,
            target=target,
            phase=attempt.step.phase,
            kind=parcel.kind,
            sender=sender,
            receiver=receiver,
            payload_bytes=parcel.length,
            wire_bytes=0,
            sent_ns=now_ns,
            arrived_ns=None,
            attempt=attempt.step.attempt,
            outcome=IN_FLIGHT,
        )
        self._rows.append(row)
        if self._faults.is_away(receiver) or self._faults.are_parted(sender, receiver):
            row.outcome, row.wire_bytes = LOST, SYN
            self._energy.sent_in_vain(self._devices[sender], SYN, row.phase, now_ns)
            return
        kills, size = death or (None, parcel.length)
        self._under_way[seq] = Frame(row, parcel, attempt, source, is_reply, place, is_last, kills)
        self._network.send(seq, sender, receiver, size, now_ns)

    def advance(self, to_ns: int) -> list[Frame]:
        """Let time pass; the frames that have arrived, and those whose senders have died."""
        arrived = []
        for delivery in self._network.advance(to_ns):
            frame = self._under_way.pop(delivery.flow_id)
            frame.row.wire_bytes = delivery.wire_bytes
            frame.row.outcome = CUT if frame.kills else DELIVERED
            frame.row.arrived_ns = None if frame.kills else delivery.arrived_ns
            self._energy.carried(*self._ends(frame.row), delivery.wire, frame.row.phase, to_ns)
            arrived.append(frame)
        return arrived

    def abandon(self, unwanted: Callable[[Frame], bool], outcome: str, now_ns: int) -> None:
        """End what nobody waits for any more."""
        self._withdraw_all([it for it in self._under_way.values() if unwanted(it)], outcome, now_ns)

    def adapt(self, devices: Iterable[str], now_ns: int) -> None:
        """Faults have changed for some devices: their links are set, and what cannot arrive is broken off."""
        for name in devices:
            link = self._faults.link_of(name, access_link(self._devices[name]))
            if link != self._links[name]:
                self._network.set_link(name, link, now_ns)
                self._links[name] = link
        self._withdraw_all([it for it in self._under_way.values() if self._is_broken(it)], CUT, now_ns)

    def ledger(self, now_ns: int) -> list[LedgerRow]:
        """All rows at the end; frames still under way have cost what was sent of them until now."""
        self._withdraw_all(list(self._under_way.values()), IN_FLIGHT, now_ns)
        rows = [row for row in self._rows if row.seq not in self._unsent]
        for seq, row in enumerate(rows):
            row.seq = seq
        return rows

    def _is_broken(self, frame: Frame) -> bool:
        """What has left its sender arrives though that be gone."""
        row, faults = frame.row, self._faults
        if faults.is_away(row.receiver) or faults.are_parted(row.sender, row.receiver):
            return True
        return faults.is_away(row.sender) and not self._network.has_left(row.seq)

    def _withdraw_all(self, frames: Sequence[Frame], outcome: str, now_ns: int) -> None:
        """The latest first: one that waits behind another must not begin when that is gone."""
        for frame in reversed(frames):
            self._withdraw(frame, outcome, now_ns)

    def _withdraw(self, frame: Frame, outcome: str, now_ns: int) -> None:
        """A later frame of an answer of which nothing was sent yet leaves no row."""
        row = frame.row
        wire = self._network.withdraw(row.seq, now_ns)
        row.wire_bytes, row.outcome = wire.total, outcome
        if outcome == CUT and not wire.total:
            row.outcome = LOST
        self._energy.carried(*self._ends(row), wire, row.phase, now_ns)
        if frame.place and not wire.total:
            self._unsent.add(row.seq)
        del self._under_way[row.seq]

    def _ends(self, row: LedgerRow) -> tuple[Device, Device]:
        return self._devices[row.sender], self._devices[row.receiver]


def access_link(device: Device) -> AccessLink:
    """A device's access link; half of its round trip is the latency of each way."""
    link = device.link
    return AccessLink(round(link.up), round(link.down), link.rtt // 2, link.loss)
