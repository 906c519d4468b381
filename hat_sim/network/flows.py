"""The network of a fleet: frames in, deliveries out, on a clock of integer nanoseconds.

A frame is a flow over the uplink of its sender and the downlink of its receiver. Its connection says
when it may send how much (`hat_sim.network.connection`, `hat_sim.network.tcp`, and over links that lose
packets `hat_sim.network.loss`); what may be sent shares the links (`hat_sim.network.sharing`); latency and
the last packet's second hop come on top (`hat_sim.network.carrier`).

Acknowledgements and handshakes cost bytes and time, but take no capacity from the flows.
`FlowNetwork.withdraw` is the place where a fault or a deadline ends a flow, `FlowNetwork.set_link` where a
link becomes better or worse, or is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hat_sim.errors import InternalError
from hat_sim.network.access import AccessLink, Path
from hat_sim.network.carrier import Carrier
from hat_sim.network.connection import Connection, Flow, Stream
from hat_sim.network.sharing import SharedLinks
from hat_sim.network.tcp import LENGTH_PREFIX, WireBytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """A frame whose last bit has arrived."""

    flow_id: int
    arrived_ns: int
    wire: WireBytes

    @property
    def wire_bytes(self) -> int:
        """All the bytes that it cost on the wire, in both directions."""
        return self.wire.total


class FlowNetwork:
    """Frames between devices, each behind its access link.

    Two devices have one connection. The first frame between them opens it, and pays for its opening
    and closing. Frames of one direction follow each other; the two directions are independent. What is
    lost of a frame follows from `seed`, its sender, its receiver, and how many frames went from the one to
    the other before. Instants never go back: each call must be at or after the latest `advance`.
    """

    def __init__(self, links: Mapping[str, AccessLink], seed: int = 0) -> None:
        self._access: dict[str, AccessLink] = {}
        for name, link in links.items():
            if link.is_cut:
                raise InternalError(f"the access link of {name} is cut from the start")
            self._access[name] = link
        self._cut: set[str] = set()
        self._shared = SharedLinks()
        self._up = {name: self._shared.link(link.up_bit_s) for name, link in self._access.items()}
        self._down = {name: self._shared.link(link.down_bit_s) for name, link in self._access.items()}
        self._carrier = Carrier(self._shared, seed, self._arrive)
        self._connections: dict[tuple[str, str], Connection] = {}
        self._streams: dict[tuple[str, str], Stream] = {}
        self._streams_at: dict[str, list[Stream]] = {name: [] for name in self._access}
        self._flows: dict[int, Flow] = {}
        self._delivered: list[Delivery] = []
        self._now_ns = 0

    def send(self, flow_id: int, sender: str, receiver: str, payload_bytes: int, now_ns: int) -> None:
        """Hand a frame over at `now_ns`; four bytes of length prefix go in front of it."""
        self._check_instant(now_ns)
        if flow_id in self._flows:
            raise InternalError(f"flow {flow_id} is under way already")
        if payload_bytes < 0:
            raise InternalError(f"flow {flow_id} has a payload of {payload_bytes} bytes")
        stream = self._stream(sender, receiver)
        flow = Flow(flow_id, stream, payload_bytes + LENGTH_PREFIX, stream.frames)
        stream.frames += 1
        self._flows[flow_id] = flow
        self._carrier.send(flow, now_ns)

    def withdraw(self, flow_id: int, now_ns: int) -> WireBytes:
        """End a flow that has not been delivered; return the bytes that it has cost until now.

        A frame that had begun breaks its byte stream, so its connection is closed: frames that begin
        later, in either direction, open a new one; one that comes the other way right now goes on.
        Everything before `now_ns` must have been advanced to.
        """
        self._check_advanced(now_ns)
        flow = self._flows.pop(flow_id, None)
        if flow is None:
            raise InternalError(f"flow {flow_id} is not under way")
        self._now_ns = now_ns
        return flow.cost_without(self._carrier.withdraw(flow, now_ns))

    def set_link(self, name: str, link: AccessLink, now_ns: int) -> None:
        """Let the access link of a device be `link` from `now_ns` on.

        Other rates act at once, another latency or loss on what is sent from now on; where packets begin or
        cease to be lost, the window starts over. While a link is cut (rates of 0) nothing moves over it and
        nothing arrives; a later call restores it. Then frames go on where they were, in slow start if the
        cut was longer than an RTO; a handshake or a last packet that would have arrived meanwhile is sent
        again, at no cost in bytes. Everything before `now_ns` must have been advanced to.
        """
        self._check_advanced(now_ns)
        self._check_known(name)
        self._now_ns = now_ns
        was_cut = name in self._cut
        if link.is_cut:
            self._cut.add(name)
            if not was_cut:
                for stream in self._streams_at[name]:
                    self._carrier.pause(stream, now_ns)
            return
        self._access[name] = link
        self._shared.resize(self._up[name], link.up_bit_s, now_ns)
        self._shared.resize(self._down[name], link.down_bit_s, now_ns)
        self._cut.discard(name)
        for stream in self._streams_at[name]:
            stream.path = Path.between(self._access[stream.sender], self._access[stream.receiver])
            if not stream.window_fits:
                self._carrier.renew_window(stream, now_ns)
            if was_cut:
                self._carrier.resume(stream, now_ns)

    def has_left(self, flow_id: int) -> bool:
        """Whether all of a flow under way has left its sender."""
        return self._flows[flow_id].sent

    def next_event(self) -> int | None:
        """When something may happen next; None while the network is at rest."""
        return self._carrier.next_event()

    def advance(self, to_ns: int) -> list[Delivery]:
        """Let time pass until `to_ns`; return what arrived, by (arrived_ns, flow_id).

        However a stretch of time is cut into advances, the deliveries are the same.
        """
        self._check_instant(to_ns)
        while (now_ns := self._carrier.next_event()) is not None and now_ns <= to_ns:
            self._carrier.work(now_ns)
        self._now_ns = to_ns
        delivered, self._delivered = self._delivered, []
        return sorted(delivered, key=lambda delivery: (delivery.arrived_ns, delivery.flow_id))

    def _arrive(self, flow: Flow, now_ns: int) -> None:
        del self._flows[flow.id]
        self._delivered.append(Delivery(flow.id, now_ns, flow.cost))

    def _check_instant(self, now_ns: int) -> None:
        if now_ns < self._now_ns:
            raise InternalError(f"the network is at {self._now_ns} ns already, and cannot go to {now_ns} ns")

    def _check_advanced(self, now_ns: int) -> None:
        self._check_instant(now_ns)
        due_ns = self.next_event()
        if due_ns is not None and due_ns < now_ns:
            raise InternalError(f"a change at {now_ns} ns, but {due_ns} ns was not advanced to")

    def _check_known(self, name: str) -> None:
        if name not in self._access:
            raise InternalError(f"{name} has no access link")

    def _stream(self, sender: str, receiver: str) -> Stream:
        stream = self._streams.get((sender, receiver))
        if stream is None:
            stream = self._streams[sender, receiver] = Stream(
                sender,
                receiver,
                self._connection(sender, receiver),
                Path.between(self._access[sender], self._access[receiver]),
                self._shared.demand(self._up[sender], self._down[receiver]),
            )
            self._carrier.add(stream)
            for name in (sender, receiver):
                self._streams_at[name].append(stream)
                if name in self._cut:
                    self._carrier.pause(stream, self._now_ns)
        return stream

    def _connection(self, sender: str, receiver: str) -> Connection:
        if sender == receiver:
            raise InternalError(f"{sender} sends to itself")
        for name in (sender, receiver):
            self._check_known(name)
        pair = (min(sender, receiver), max(sender, receiver))
        return self._connections.setdefault(pair, Connection())
