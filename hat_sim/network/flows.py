"""The network of a fleet: frames in, deliveries out, on a clock of integer nanoseconds.

A frame is a flow over the uplink of its sender and the downlink of its receiver. Its connection says
when it may send how much (`hat_sim.network.connection`, `hat_sim.network.tcp`); what may be sent shares
the links (`hat_sim.network.sharing`); latency and the last packet's second hop come on top.

Acknowledgements and handshakes cost bytes and time, but take no capacity from the flows. There are no
losses: `FlowNetwork.withdraw` is the place where a fault or a deadline ends a flow, `FlowNetwork.set_link`
where a link becomes better or worse, or is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from hat_sim.errors import InternalError
from hat_sim.network.access import AccessLink, Path
from hat_sim.network.connection import Action, Connection, Flow, Stream
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
        self._access: dict[str, AccessLink] = {}
        for name, link in links.items():
            if link.is_cut:
                raise InternalError(f"the access link of {name} is cut from the start")
            self._access[name] = link
        self._cut: set[str] = set()
        self._shared = SharedLinks()
        self._up = {name: self._shared.link(link.up_bit_s) for name, link in self._access.items()}
        self._down = {name: self._shared.link(link.down_bit_s) for name, link in self._access.items()}
        self._connections: dict[tuple[str, str], Connection] = {}
        self._streams: dict[tuple[str, str], Stream] = {}
        self._ends_at: dict[str, list[tuple[str, str]]] = {name: [] for name in self._access}
        self._stream_of: dict[Demand, Stream] = {}
        self._flows: dict[int, Flow] = {}
        self._timers: list[tuple[int, int, Action, Flow]] = []
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
        self._check_advanced(now_ns)
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
        if flow.paused is not None:
            left_bytes = flow.paused / NANOBITS_PER_BYTE
        elif flow.moving:
            left_bytes = self._shared.stop(stream.demand, now_ns) / NANOBITS_PER_BYTE
        cost = flow.cost_of(max(0, flow.credited - int(left_bytes // _PACKET)))
        if is_first:
            stream.idle_since_ns = now_ns
            stream.connection.close()
            if stream.queue:
                self._do(self._begin, stream.queue[0], now_ns)
        return cost

    def set_link(self, name: str, link: AccessLink, now_ns: int) -> None:
        """Let the access link of a device be `link` from `now_ns` on.

        Other rates act at once, another latency on what is sent from now on. While a link is cut (rates of
        0) nothing moves over it and nothing arrives; a later call restores it. Then frames go on where they
        were, in slow start if the cut was longer than an RTO; a handshake or a last packet that would have
        arrived meanwhile is sent again, at no cost in bytes. Everything before `now_ns` must have been
        advanced to.
        """
        self._check_advanced(now_ns)
        self._check_known(name)
        self._now_ns = now_ns
        was_cut = name in self._cut
        if link.is_cut:
            self._cut.add(name)
            if not was_cut:
                for ends in self._ends_at[name]:
                    self._pause(self._streams[ends], now_ns)
            return
        self._access[name] = link
        self._shared.resize(self._up[name], link.up_bit_s, now_ns)
        self._shared.resize(self._down[name], link.down_bit_s, now_ns)
        self._cut.discard(name)
        for sender, receiver in self._ends_at[name]:
            stream = self._streams[sender, receiver]
            stream.path = Path.between(self._access[sender], self._access[receiver])
            if was_cut:
                self._resume(stream, now_ns)

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
                    self._do(action, flow, now_ns)
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
        self._send_last(flow, now_ns)
        del stream.queue[0]
        if stream.queue:
            self._begin(stream.queue[0], now_ns)

    def _send_last(self, flow: Flow, now_ns: int) -> None:
        """The last packet leaves; it overtakes no earlier frame, even if the latency has become less."""
        stream = flow.stream
        stream.arrives_ns = max(stream.arrives_ns, now_ns + stream.path.tail_ns(flow.size))
        self._at(stream.arrives_ns, self._arrive, flow)

    def _arrive(self, flow: Flow, now_ns: int) -> None:
        del self._flows[flow.id]
        self._delivered.append(Delivery(flow.id, now_ns, flow.cost))

    def _pause(self, stream: Stream, now_ns: int) -> None:
        """One of the stream's links is cut, the other perhaps already."""
        stream.cuts += 1
        if stream.cuts == 1:
            stream.cut_ns = now_ns
            if stream.queue and stream.queue[0].moving:
                stream.queue[0].paused = self._shared.stop(stream.demand, now_ns)

    def _resume(self, stream: Stream, now_ns: int) -> None:
        """One of the stream's links is back, the other perhaps not yet."""
        stream.cuts -= 1
        if stream.cuts:
            return
        first = stream.queue[0] if stream.queue else None
        if now_ns - stream.cut_ns > stream.path.rto_ns:
            stream.window.restart()
            if first is not None and first.paused is not None:
                self._take_back(first, now_ns)
        if first is not None and first.paused is not None:
            self._shared.start(stream.demand, first.paused, now_ns)
            first.paused = None
        held, stream.held = stream.held, []
        for action, flow in held:
            if action == self._arrive:
                self._send_last(flow, now_ns)
            elif action == self._begin and stream.connection.ready_ns is not None:
                stream.connection.ready_ns = now_ns + stream.path.handshake_ns
                self._begin(flow, now_ns)
            else:
                self._at(now_ns, action, flow)

    def _take_back(self, flow: Flow, now_ns: int) -> None:
        """Credit that a paused flow has not used counts no longer; it asks for new one."""
        assert flow.paused is not None
        if not flow.uncredited:
            self._at(now_ns, self._credit, flow)
        before = _wire_of(flow)
        flow.credited -= int(flow.paused // (_PACKET * NANOBITS_PER_BYTE))
        flow.paused -= (before - _wire_of(flow)) * NANOBITS_PER_BYTE

    def _do(self, action: Action, flow: Flow, now_ns: int) -> None:
        """What is due now, or, over a link that is cut, once it is back."""
        if flow.stream.cuts:
            flow.stream.held.append((action, flow))
        else:
            action(flow, now_ns)

    def _at(self, instant_ns: int, action: Action, flow: Flow) -> None:
        self._timer_count += 1
        heappush(self._timers, (instant_ns, self._timer_count, action, flow))

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
                self._connection(sender, receiver),
                Path.between(self._access[sender], self._access[receiver]),
                self._shared.demand(self._up[sender], self._down[receiver]),
            )
            self._stream_of[stream.demand] = stream
            for name in (sender, receiver):
                self._ends_at[name].append((sender, receiver))
                if name in self._cut:
                    self._pause(stream, self._now_ns)
        return stream

    def _connection(self, sender: str, receiver: str) -> Connection:
        if sender == receiver:
            raise InternalError(f"{sender} sends to itself")
        for name in (sender, receiver):
            self._check_known(name)
        pair = (min(sender, receiver), max(sender, receiver))
        return self._connections.setdefault(pair, Connection())


def _wire_of(flow: Flow) -> int:
    """The bytes that the credited segments take on the links; the handshake's ACK goes ahead of them."""
    return data_bytes(min(flow.size, flow.credited * MSS)) + flow.opens * HEADER
