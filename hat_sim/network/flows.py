"""The network of a fleet: frames in, deliveries out, on a clock of integer nanoseconds.

A frame is a flow over the uplink of its sender and the downlink of its receiver. Its connection says
when it may send how much (`hat_sim.network.connection`, `hat_sim.network.tcp`); what may be sent shares
the links (`hat_sim.network.sharing`); latency and the last packet's second hop come on top.

Acknowledgements and handshakes cost bytes and time, but take no capacity from the flows. There are no
losses: `FlowNetwork.withdraw` is the place where a fault or a deadline ends a flow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from hat_sim.errors import InternalError
from hat_sim.network.access import AccessLink, Path
from hat_sim.network.connection import Connection, Flow, Stream
from hat_sim.network.demand import NANOBITS_PER_BYTE, Demand
from hat_sim.network.sharing import SharedLinks
from hat_sim.network.tcp import HEADER, LENGTH_PREFIX, MSS, WireBytes, data_bytes

_PACKET = MSS + HEADER


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
    and closing. Frames of one direction follow each other; the two directions are independent.
    Instants never go back: each call must be at or after the latest `advance`.
    """

    def __init__(self, links: Mapping[str, AccessLink]) -> None:
        self._access = dict(links)
        self._shared = SharedLinks()
        self._up = {name: self._shared.link(link.up_bit_s) for name, link in self._access.items()}
        self._down = {name: self._shared.link(link.down_bit_s) for name, link in self._access.items()}
        self._connections: dict[tuple[str, str], Connection] = {}
        self._streams: dict[tuple[str, str], Stream] = {}
        self._stream_of: dict[Demand, Stream] = {}
        self._flows: dict[int, Flow] = {}
        self._timers: list[tuple[int, int, Callable[[Flow, int], None], Flow]] = []
        self._timer_count = 0
        self._delivered: list[Delivery] = []
        self._now_ns = 0

    def send(self, flow_id: int, sender: str, receiver: str, payload_bytes: int, now_ns: int) -> None:
        """Hand a frame over at `now_ns`; four bytes of length prefix go in front of it."""
        self._check_instant(now_ns)
        if flow_id in self._flows:
            raise InternalError(f"flow {flow_id} is under way already")
        if payload_bytes < 0:
            raise InternalError(f"flow {flow_id} has a payload of {payload_bytes} bytes")
        flow = Flow(flow_id, self._stream(sender, receiver), payload_bytes + LENGTH_PREFIX)
        self._flows[flow_id] = flow
        self._at(now_ns, self._enqueue, flow)

    def withdraw(self, flow_id: int, now_ns: int) -> WireBytes:
        """End a flow that has not been delivered; return the bytes that it has cost until now.

        A frame that had begun breaks its byte stream, so its connection is closed: frames that begin
        later, in either direction, open a new one; one that comes the other way right now goes on.
        Everything before `now_ns` must have been advanced to.
        """
        self._check_instant(now_ns)
        due = self.next_event()
        if due is not None and due < now_ns:
            raise InternalError(f"flow {flow_id} withdrawn at {now_ns} ns, but {due} ns was not advanced to")
        flow = self._flows.pop(flow_id, None)
        if flow is None:
            raise InternalError(f"flow {flow_id} is not under way")
        flow.withdrawn = True
        self._now_ns = now_ns
        stream = flow.stream
        if flow.sent or flow not in stream.queue:
            return flow.cost
        is_first = stream.queue[0] is flow
        stream.queue.remove(flow)
        left_bytes = 0.0
        if flow.moving:
            left_bytes = self._shared.stop(stream.demand, now_ns) / NANOBITS_PER_BYTE
        cost = flow.cost_of(max(0, flow.credited - int(left_bytes // _PACKET)))
        if is_first:
            stream.idle_since_ns = now_ns
            stream.connection.close()
            if stream.queue:
                self._begin(stream.queue[0], now_ns)
        return cost

    def next_event(self) -> int | None:
        """When something may happen next; None while the network is at rest."""
        end_ns = self._shared.next_end()
        if not self._timers:
            return end_ns
        timer_ns = self._timers[0][0]
        return timer_ns if end_ns is None or timer_ns < end_ns else end_ns

    def advance(self, to_ns: int) -> list[Delivery]:
        """Let time pass until `to_ns`; return what arrived, by (arrived_ns, flow_id).

        However a stretch of time is cut into advances, the deliveries are the same.
        """
        self._check_instant(to_ns)
        timers = self._timers
        while (now_ns := self.next_event()) is not None and now_ns <= to_ns:
            for demand in self._shared.ended(now_ns):
                self._run_dry(self._stream_of[demand].queue[0], now_ns)
            while timers and timers[0][0] == now_ns:
                _, _, action, flow = heappop(timers)
                if not flow.withdrawn:
                    action(flow, now_ns)
        self._now_ns = to_ns
        delivered, self._delivered = self._delivered, []
        return sorted(delivered, key=lambda delivery: (delivery.arrived_ns, delivery.flow_id))

    def _enqueue(self, flow: Flow, now_ns: int) -> None:
        flow.stream.queue.append(flow)
        if len(flow.stream.queue) == 1:
            self._begin(flow, now_ns)

    def _begin(self, flow: Flow, now_ns: int) -> None:
        """The flow is the first of its stream: connect where needed, then transmit."""
        path, connection = flow.stream.path, flow.stream.connection
        if connection.ready_ns is None:
            connection.ready_ns = now_ns + path.handshake_ns
            flow.opens = True
        if now_ns < connection.ready_ns:
            self._at(connection.ready_ns, self._begin, flow)
        else:
            self._transmit(flow, now_ns)

    def _transmit(self, flow: Flow, now_ns: int) -> None:
        stream = flow.stream
        if now_ns - stream.idle_since_ns > stream.path.rto_ns:
            stream.window.restart()
        self._credit(flow, now_ns)

    def _credit(self, flow: Flow, now_ns: int) -> None:
        """Let the flow send what the window allows, and come back for the rest in the next round."""
        stream = flow.stream
        before = _wire_of(flow) if flow.credited else 0
        flow.credited += stream.window.take(flow.uncredited, now_ns, stream.path.rtt_ns)
        amount = (_wire_of(flow) - before) * NANOBITS_PER_BYTE
        if flow.moving:
            self._shared.extend(stream.demand, amount, now_ns)
        elif amount:
            flow.moving = True
            self._shared.start(stream.demand, amount, now_ns)
        if flow.uncredited:
            self._at(stream.window.next_round_ns, self._credit, flow)

    def _run_dry(self, flow: Flow, now_ns: int) -> None:
        """All that was credited has been sent: wait for the next round, or make way for the next frame."""
        flow.moving = False
        if flow.uncredited:
            return
        flow.sent = True
        stream = flow.stream
        stream.idle_since_ns = now_ns
        self._at(now_ns + stream.path.tail_ns(flow.size), self._arrive, flow)
        del stream.queue[0]
        if stream.queue:
            self._begin(stream.queue[0], now_ns)

    def _arrive(self, flow: Flow, now_ns: int) -> None:
        del self._flows[flow.id]
        self._delivered.append(Delivery(flow.id, now_ns, flow.cost))

    def _at(self, instant_ns: int, action: Callable[[Flow, int], None], flow: Flow) -> None:
        self._timer_count += 1
        heappush(self._timers, (instant_ns, self._timer_count, action, flow))

    def _check_instant(self, now_ns: int) -> None:
        if now_ns < self._now_ns:
            raise InternalError(f"the network is at {self._now_ns} ns already, and cannot go to {now_ns} ns")

    def _stream(self, sender: str, receiver: str) -> Stream:
        stream = self._streams.get((sender, receiver))
        if stream is None:
            stream = self._streams[sender, receiver] = Stream(
                self._connection(sender, receiver),
                Path.between(self._access[sender], self._access[receiver]),
                self._shared.demand(self._up[sender], self._down[receiver]),
            )
            self._stream_of[stream.demand] = stream
        return stream

    def _connection(self, sender: str, receiver: str) -> Connection:
        if sender == receiver:
            raise InternalError(f"{sender} sends to itself")
        for name in (sender, receiver):
            if name not in self._access:
                raise InternalError(f"{name} has no access link")
        pair = (min(sender, receiver), max(sender, receiver))
        return self._connections.setdefault(pair, Connection())


def _wire_of(flow: Flow) -> int:
    """The bytes that the credited segments take on the links; the handshake's ACK goes ahead of them."""
    return data_bytes(min(flow.size, flow.credited * MSS)) + flow.opens * HEADER
