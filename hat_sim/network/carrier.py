"""How a frame is carried, from its sending to its arrival: what is due for it, and when.

It waits for the frames before it, for the handshake, and for credit from its window; what it may send shares
the links; what is lost is noticed and sent again; the last packet takes its latency. Over a link that is cut
all of this waits.
"""

from __future__ import annotations

from heapq import heappop, heappush

from hat_sim.network.connection import Action, Flow, Stream
from hat_sim.network.demand import Demand
from hat_sim.network.loss import LossyWindow
from hat_sim.network.sharing import SharedLinks


class Carrier:
    """Frames under way over `shared` links; `arrive` is called for each that arrives.

    `seed` is that of the losses.
    """

    def __init__(self, shared: SharedLinks, seed: int, arrive: Action) -> None:
        self._shared = shared
        self._seed = seed
        self._arrive = arrive
        self._instants: list[int] = []
        self._due: dict[int, list[tuple[Action, Flow]]] = {}
        self._stream_of: dict[Demand, Stream] = {}

    def add(self, stream: Stream) -> None:
        """Carry frames of this stream."""
        self._stream_of[stream.demand] = stream

    def send(self, flow: Flow, now_ns: int) -> None:
        """Hand a frame over at `now_ns`."""
        self._at(now_ns, self._enqueue, flow)

    def next_event(self) -> int | None:
        """When something is due next; None if nothing is."""
        end_ns = self._shared.next_end()
        if not self._instants:
            return end_ns
        timer_ns = self._instants[0]
        return timer_ns if end_ns is None or timer_ns < end_ns else end_ns

    def work(self, now_ns: int) -> None:
        """Do all that is due at the next event, which is at `now_ns`."""
        for demand in self._shared.ended(now_ns):
            self._run_dry(self._stream_of[demand].queue[0], now_ns)
        if not self._instants or self._instants[0] != now_ns:
            return
        for action, flow in self._due[now_ns]:  # which may grow meanwhile
            if flow.withdrawn:
                continue
            if flow.stream.cuts:
                flow.stream.held.append((action, flow))
            else:
                action(flow, now_ns)
        heappop(self._instants)
        del self._due[now_ns]

    def withdraw(self, flow: Flow, now_ns: int) -> float:
        """Carry a frame no further; return the nanobits that it was to send and has not sent."""
        flow.withdrawn = True
        stream = flow.stream
        if flow.sent or flow not in stream.queue:
            return 0.0
        left = flow.paused or 0.0
        if flow.moving and flow.paused is None:
            left = self._shared.stop(stream.demand, now_ns)
        is_first = stream.queue[0] is flow
        stream.queue.remove(flow)
        if is_first:
            stream.idle_since_ns = now_ns
            stream.connection.close()
            if stream.queue:
                self._at(now_ns, self._begin, stream.queue[0])
        return left

    def pause(self, stream: Stream, now_ns: int) -> None:
        """One of the stream's links is cut, the other perhaps already."""
        stream.cuts += 1
        if stream.cuts == 1:
            stream.cut_ns = now_ns
            if stream.queue and stream.queue[0].moving:
                stream.queue[0].paused = self._shared.stop(stream.demand, now_ns)

    def resume(self, stream: Stream, now_ns: int) -> None:
        """One of the stream's links is back, the other perhaps not yet."""
        stream.cuts -= 1
        if stream.cuts:
            return
        if now_ns - stream.cut_ns > stream.path.rto_ns:
            stream.window.restart()
            self._take_back(stream, now_ns)
        if stream.queue and (paused := stream.queue[0].paused) is not None:
            stream.queue[0].paused = None
            self._shared.start(stream.demand, paused, now_ns)
        held, stream.held = stream.held, []
        for action, flow in held:
            if action == self._arrive:
                self._send_last(flow, now_ns)
            elif action == self._begin and stream.connection.ready_ns is not None:
                stream.connection.ready_ns = now_ns + stream.path.handshake_ns
                self._begin(flow, now_ns)
            else:
                self._at(now_ns, action, flow)

    def renew_window(self, stream: Stream, now_ns: int) -> None:
        """Begin with a new window, because the path has begun or ceased to lose packets."""
        self.pause(stream, now_ns)
        stream.renew_window()
        self._take_back(stream, now_ns)
        self.resume(stream, now_ns)
        if stream.queue and stream.queue[0].begun:
            self._at(now_ns, self._credit, stream.queue[0])

    def _enqueue(self, flow: Flow, now_ns: int) -> None:
        flow.stream.queue.append(flow)
        if len(flow.stream.queue) == 1:
            self._begin(flow, now_ns)

    def _begin(self, flow: Flow, now_ns: int) -> None:
        """The flow is the first of its stream: connect where needed, then transmit."""
        connection = flow.stream.connection
        if connection.ready_ns is None:
            connection.ready_ns = now_ns + flow.open_connection(self._seed)
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
        stream, window = flow.stream, flow.stream.window
        is_lossy = isinstance(window, LossyWindow)
        if flow.sent or (is_lossy and flow.moving):
            return
        if flow.lost:
            flow.notice_losses()
        if isinstance(window, LossyWindow):
            amount = self._take_and_lose(flow, window, now_ns)
        else:
            amount = flow.credit(window.take(flow.uncredited, now_ns, stream.path.rtt_ns))
        if flow.moving:
            self._shared.extend(stream.demand, amount, now_ns)
        elif amount:
            flow.moving = True
            self._shared.start(stream.demand, amount, now_ns)
        if flow.uncredited and not (is_lossy and flow.moving):
            self._at(window.next_round_ns, self._credit, flow)

    def _take_and_lose(self, flow: Flow, window: LossyWindow, now_ns: int) -> float:
        """What was lost before goes first; of what may be sent now, something is lost again. Its nanobits."""
        path = flow.stream.path
        taken = window.take(flow.uncredited, now_ns, path.rtt_ns, begins=not flow.begun)
        amount = flow.credit(taken)
        is_end = not flow.uncredited
        lost = window.lose(taken, path.loss, flow.random(self._seed), is_end, path.rtt_ns)
        flow.lost, flow.notice_ns = lost
        return amount

    def _run_dry(self, flow: Flow, now_ns: int) -> None:
        """All that was credited has left: wait for more credit, or make way for the next frame."""
        flow.moving = False
        stream, window = flow.stream, flow.stream.window
        if flow.notice_ns is not None:
            self._at(now_ns + flow.notice_ns, self._credit, flow)
        elif flow.lost or (flow.uncredited and isinstance(window, LossyWindow)):
            self._at(max(now_ns, window.next_round_ns), self._credit, flow)
        if flow.uncredited or flow.lost:
            return
        flow.sent = True
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

    def _take_back(self, stream: Stream, now_ns: int) -> None:
        """Credit that a paused flow has not used counts no longer; it asks for new one."""
        flow = stream.queue[0] if stream.queue else None
        if flow is not None and flow.paused is not None:
            if not flow.uncredited:
                self._at(now_ns, self._credit, flow)
            flow.paused = flow.take_back(flow.paused)

    def _at(self, instant_ns: int, action: Action, flow: Flow) -> None:
        due = self._due.get(instant_ns)
        if due is None:
            self._due[instant_ns] = [(action, flow)]
            heappush(self._instants, instant_ns)
        else:
            due.append((action, flow))
